"""Bicubic upsampling by two."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (4, 3, 112, 112), "gpu": (144, 16, 320, 320), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)


def get_inputs():
    return [torch.rand(batch_size, channels, height, width)]


def get_init_inputs():
    return []
