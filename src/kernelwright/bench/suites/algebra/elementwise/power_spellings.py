"""Squares and roots spelled in several ways."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 4096), "gpu": (8192, 16384), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return torch.sqrt(torch.pow(x, 2)) + x**2 / (x * x + 1.0) + torch.pow(torch.abs(x), 0.5)


def get_inputs():
    return [torch.randn(batch_size, dim)]


def get_init_inputs():
    return []
