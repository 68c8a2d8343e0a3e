"""A low-rank update of a weight, formed in every call."""

import torch
import torch.nn as nn

SIZES = {"cpu": (256, 1024, 16), "gpu": (2048, 8192, 64), "small": (7, 33, 4)}
batch_size, width, rank = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, width, rank):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width) / width**0.5)
        self.down = nn.Parameter(torch.randn(rank, width) / width**0.5)
        self.up = nn.Parameter(torch.randn(width, rank))

    def forward(self, x):
        return x @ (self.weight + 0.5 * self.up @ self.down).t()


def get_inputs():
    return [torch.randn(batch_size, width)]


def get_init_inputs():
    return [width, rank]
