"""What cancels: x - x and x / x around a constant."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 4096), "gpu": (8192, 16384), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]

DEGENERATE = "constant_output"


class Model(nn.Module):
    def forward(self, x):
        return (x - x) * 3.0 + x / x


def get_inputs():
    return [torch.rand(batch_size, dim) + 0.5]


def get_init_inputs():
    return []
