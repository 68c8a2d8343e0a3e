import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(16384, 16384)

    def forward(self, x):
        x = self.l(x)
        x = torch.mean(x, dim=1, keepdim=True)
        return torch.softmax(x, dim=1)


def get_inputs():
    return [torch.rand(128, 16384)]


def get_init_inputs():
    return []
