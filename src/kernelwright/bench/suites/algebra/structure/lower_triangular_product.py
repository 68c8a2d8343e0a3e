"""A product of two lower triangular matrices, its upper triangle cut off."""

import torch
import torch.nn as nn

SIZES = {"cpu": 1024, "gpu": 4096, "small": 33}
n = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b):
        return torch.tril(torch.matmul(torch.tril(a), torch.tril(b)))


def get_inputs():
    return [torch.randn(n, n), torch.randn(n, n)]


def get_init_inputs():
    return []
