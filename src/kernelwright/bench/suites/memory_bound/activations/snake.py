"""Snake: a learnable periodic activation for audio."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 64, 8192), "gpu": (64, 128, 16384), "small": (2, 5, 33)}
batch_size, channels, length = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.rand(1, channels, 1) + 0.5)

    def forward(self, x):
        return x + (1.0 / (self.alpha + 1e-9)) * torch.sin(self.alpha * x) ** 2


def get_inputs():
    return [torch.randn(batch_size, channels, length)]


def get_init_inputs():
    return [channels]
