"""A scale and a shift for each channel of an image."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 64, 128, 128), "gpu": (88, 128, 160, 160), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(channels, 1, 1))
        self.shift = nn.Parameter(torch.randn(channels, 1, 1))

    def forward(self, x):
        return x * self.scale + self.shift


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [channels]
