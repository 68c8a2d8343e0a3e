"""A diagonal matrix times a matrix, plus another one."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 1024), "gpu": (4096, 4096), "small": (33, 17)}
n, m = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b, d):
        return torch.diag(a) @ b + d


def get_inputs():
    return [torch.randn(n), torch.randn(n, m), torch.randn(n, m)]


def get_init_inputs():
    return []
