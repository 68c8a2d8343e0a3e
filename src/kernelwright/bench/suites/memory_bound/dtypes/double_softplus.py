"""Softplus in float64."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 2048), "gpu": (16384, 20480), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return F.softplus(x)


def get_inputs():
    return [torch.randn(rows, columns, dtype=torch.float64)]


def get_init_inputs():
    return []
