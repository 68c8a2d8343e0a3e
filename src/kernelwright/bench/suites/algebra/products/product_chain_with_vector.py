"""Two matrices times a vector, multiplied from the wrong end."""

import torch
import torch.nn as nn

SIZES = {"cpu": 1024, "gpu": 6144, "small": 33}
n = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b, x):
        return (a @ b) @ x


def get_inputs():
    return [torch.randn(n, n), torch.randn(n, n), torch.randn(n, 1)]


def get_init_inputs():
    return []
