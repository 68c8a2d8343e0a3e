"""Two products with the same left factor, added."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 512, 1024), "gpu": (4096, 4096, 4096), "small": (7, 17, 33)}
m, k, n = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b, c):
        return a @ b + a @ c


def get_inputs():
    return [torch.randn(m, k), torch.randn(k, n), torch.randn(k, n)]


def get_init_inputs():
    return []
