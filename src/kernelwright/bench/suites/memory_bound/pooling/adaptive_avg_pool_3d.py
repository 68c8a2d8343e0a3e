"""Adaptive average pooling of volumes, one axis kept."""

import torch
import torch.nn as nn

SIZES = {"cpu": (5, 32, 16, 56, 56), "gpu": (16, 64, 32, 192, 192), "small": (1, 3, 4, 9, 10)}
batch_size, channels, depth, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool3d((None, 8, 8))

    def forward(self, x):
        return self.pool(x)


def get_inputs():
    return [torch.randn(batch_size, channels, depth, height, width)]


def get_init_inputs():
    return []
