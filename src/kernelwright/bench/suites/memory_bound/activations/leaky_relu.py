"""Leaky ReLU with a slope from the constructor."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 8192), "gpu": (16384, 40960), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, negative_slope):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x):
        return F.leaky_relu(x, negative_slope=self.negative_slope)


def get_inputs():
    return [torch.randn(batch_size, dim)]


def get_init_inputs():
    return [0.01]
