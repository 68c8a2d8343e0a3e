import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(64, 128, 3)
        self.b = nn.Parameter(torch.randn(128, 1, 1))

    def forward(self, x):
        return torch.relu(self.c(x)) + self.b


def get_inputs():
    return [torch.rand(64, 64, 128, 128)]


def get_init_inputs():
    return []
