"""Mish as a module."""

import torch
import torch.nn as nn

SIZES = {"cpu": (6, 32, 128, 128), "gpu": (256, 64, 200, 200), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mish = nn.Mish()

    def forward(self, x):
        return self.mish(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
