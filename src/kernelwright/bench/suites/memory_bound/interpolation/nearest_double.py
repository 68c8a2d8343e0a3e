"""Nearest-neighbour upsampling by two."""

import torch
import torch.nn as nn

SIZES = {"cpu": (24, 32, 56, 56), "gpu": (64, 64, 224, 224), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x):
        return self.up(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
