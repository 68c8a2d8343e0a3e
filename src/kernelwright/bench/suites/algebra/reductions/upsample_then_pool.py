"""Nearest-neighbour upsampling undone by average pooling."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (8, 32, 64, 64), "gpu": (64, 64, 192, 192), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.avg_pool2d(x, 2) * 3.0


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
