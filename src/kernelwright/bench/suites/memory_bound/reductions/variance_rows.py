"""Unbiased variance of rows far from zero."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2048, 2048), "gpu": (32768, 36864), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return torch.var(x, dim=-1)


def get_inputs():
    return [torch.randn(rows, columns) + 3.0]


def get_init_inputs():
    return []
