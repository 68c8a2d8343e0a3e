"""Sums over the middle axis, its dimension kept."""

import torch
import torch.nn as nn

SIZES = {"cpu": (32, 256, 1024), "gpu": (128, 4096, 2304), "small": (3, 7, 33)}
batch_size, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return torch.sum(x, dim=self.dim, keepdim=True)


def get_inputs():
    return [torch.rand(batch_size, dim1, dim2)]


def get_init_inputs():
    return [1]
