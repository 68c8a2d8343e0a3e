import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv3d(3, 16, 4)

    def forward(self, x):
        x = self.c(x)
        x = F.hardswish(x)
        x = torch.relu(x)
        x = torch.softmax(x, dim=1)
        return torch.mean(x, dim=[2, 3, 4])


def get_inputs():
    return [torch.rand(64, 3, 16, 32, 32)]


def get_init_inputs():
    return []
