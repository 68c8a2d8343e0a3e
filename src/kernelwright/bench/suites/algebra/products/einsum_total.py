"""A bilinear form summed over everything."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16384, 1024, 1024), "gpu": (131072, 8192, 4096), "small": (7, 17, 33)}
m, k, n = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b):
        return torch.einsum("ik,kj->", a, b)


def get_inputs():
    return [torch.rand(m, k), torch.rand(k, n)]


def get_init_inputs():
    return []
