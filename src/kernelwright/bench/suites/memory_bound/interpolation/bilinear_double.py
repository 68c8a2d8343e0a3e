"""Bilinear upsampling by two."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (8, 32, 56, 56), "gpu": (64, 64, 224, 224), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
