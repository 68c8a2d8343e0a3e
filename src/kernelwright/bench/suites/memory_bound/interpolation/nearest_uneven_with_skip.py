"""Nearest-neighbour resizing to the size of a skip connection, and their sum."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (24, 32, 40, 40), "gpu": (64, 64, 160, 160), "small": (2, 3, 5, 7)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, skip):
        return F.interpolate(x, size=skip.shape[-2:], mode="nearest") + skip


def get_inputs():
    x = torch.randn(batch_size, channels, height, width)
    return [x, torch.randn(batch_size, channels, 2 * height + 3, 2 * width + 1)]


def get_init_inputs():
    return []
