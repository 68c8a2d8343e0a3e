"""Group norm written out with reshapes, for sequences."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 128, 2048), "gpu": (64, 256, 16384), "small": (2, 8, 17)}
batch_size, channels, length = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.randn(1, channels, 1))
        self.bias = nn.Parameter(torch.randn(1, channels, 1))

    def forward(self, x):
        n, c, length = x.shape
        grouped = x.view(n, self.groups, -1)
        mean = grouped.mean(-1, keepdim=True)
        var = grouped.var(-1, keepdim=True, unbiased=False)
        grouped = (grouped - mean) / torch.sqrt(var + 1e-5)
        return grouped.view(n, c, length) * self.weight + self.bias


def get_inputs():
    return [torch.randn(batch_size, channels, length)]


def get_init_inputs():
    return [channels, 4]
