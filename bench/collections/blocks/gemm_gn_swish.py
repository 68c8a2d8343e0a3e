import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4096, 4096)
        self.g = nn.GroupNorm(256, 4096)
        self.w = nn.Parameter(torch.randn(4096))

    def forward(self, x):
        x = self.g(self.l(x))
        x = x * torch.sigmoid(x)
        x = x * self.w
        return x * torch.sigmoid(x)


def get_inputs():
    return [torch.rand(2048, 4096)]


def get_init_inputs():
    return []
