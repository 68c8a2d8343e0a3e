"""Layer norm over the channels of an image, by a permutation there and back."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 96, 56, 56), "gpu": (96, 192, 128, 128), "small": (2, 5, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        x = self.norm(x)
        return x.permute(0, 3, 1, 2)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [channels]
