import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(2048, 2048)
        self.b = nn.BatchNorm1d(2048)

    def forward(self, x):
        return torch.relu(F.gelu(self.b(self.l(x))))


def get_inputs():
    return [torch.rand(8192, 2048)]


def get_init_inputs():
    return []
