"""Average pooling of average pooling."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 32, 128, 128), "gpu": (128, 64, 320, 320), "small": (2, 3, 16, 24)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(2)

    def forward(self, x):
        return self.pool(self.pool(x))


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
