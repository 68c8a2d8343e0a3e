"""Local response norm over neighbouring channels."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4, 64, 56, 56), "gpu": (80, 64, 112, 112), "small": (1, 7, 5, 6)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.lrn = nn.LocalResponseNorm(size, alpha=1e-2, beta=0.75, k=1.0)

    def forward(self, x):
        return self.lrn(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [5]
