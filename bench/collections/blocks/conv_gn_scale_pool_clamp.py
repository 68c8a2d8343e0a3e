import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(8, 64, 3)
        self.g = nn.GroupNorm(16, 64)
        self.s = nn.Parameter(torch.ones(64, 1, 1))
        self.p = nn.MaxPool2d(4)

    def forward(self, x):
        x = self.g(self.c(x)) * self.s
        x = self.p(x)
        return torch.clamp(x, 0.0, 1.0)


def get_inputs():
    return [torch.rand(64, 8, 128, 128)]


def get_init_inputs():
    return []
