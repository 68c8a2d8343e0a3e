"""Bilinear resizing with aligned corners."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (8, 21, 60, 60), "gpu": (344, 21, 256, 256), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return F.interpolate(x, size=(153, 201), mode="bilinear", align_corners=True)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
