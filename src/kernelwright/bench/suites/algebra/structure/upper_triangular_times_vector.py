"""The upper triangle of a matrix times a vector."""

import torch
import torch.nn as nn

SIZES = {"cpu": 3072, "gpu": 24576, "small": 33}
n = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, x):
        return torch.triu(a) @ x


def get_inputs():
    return [torch.randn(n, n), torch.randn(n)]


def get_init_inputs():
    return []
