"""Scales and shifts by constants, one after another."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 4096), "gpu": (8192, 16384), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        x = x * 2.0 + 1.0
        x = (x - 0.5) / 4.0
        x = -x * 3.0
        return x + x


def get_inputs():
    return [torch.randn(batch_size, dim)]


def get_init_inputs():
    return []
