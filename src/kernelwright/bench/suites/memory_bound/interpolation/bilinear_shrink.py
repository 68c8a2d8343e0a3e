"""Bilinear downsampling to less than half."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (16, 16, 192, 192), "gpu": (128, 64, 448, 448), "small": (2, 3, 17, 19)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return F.interpolate(x, scale_factor=0.4, mode="bilinear", recompute_scale_factor=True)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
