"""Parametric ReLU with one slope a channel."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 32, 128, 128), "gpu": (256, 64, 200, 200), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.prelu = nn.PReLU(num_parameters=channels)
        nn.init.uniform_(self.prelu.weight, 0.05, 0.5)

    def forward(self, x):
        return self.prelu(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [channels]
