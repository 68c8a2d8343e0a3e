"""Sub-pixel upsampling."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 64, 96, 96), "gpu": (64, 64, 384, 384), "small": (2, 12, 5, 7)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        return self.shuffle(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
