"""The standard deviation of everything."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4096, 2048), "gpu": (32768, 36864), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return torch.std(x)


def get_inputs():
    return [torch.randn(rows, columns) - 1.5]


def get_init_inputs():
    return []
