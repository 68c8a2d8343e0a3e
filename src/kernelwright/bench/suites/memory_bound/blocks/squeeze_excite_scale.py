"""The cheap parts of squeeze and excite: pool, gate, scale."""

import torch
import torch.nn as nn

SIZES = {"cpu": (32, 128, 56, 56), "gpu": (120, 256, 112, 112), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels))
        self.bias = nn.Parameter(torch.randn(channels))

    def forward(self, x):
        pooled = x.mean((2, 3))
        gate = torch.sigmoid(pooled * self.weight + self.bias)
        return x * gate[:, :, None, None]


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [channels]
