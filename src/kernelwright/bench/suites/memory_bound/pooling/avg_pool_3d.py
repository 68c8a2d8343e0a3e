"""Average pooling of volumes."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2, 16, 32, 64, 64), "gpu": (16, 32, 112, 128, 128), "small": (1, 3, 9, 11, 13)}
batch_size, channels, depth, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, kernel_size, stride, padding):
        super().__init__()
        self.avg_pool = nn.AvgPool3d(kernel_size=kernel_size, stride=stride, padding=padding)

    def forward(self, x):
        return self.avg_pool(x)


def get_inputs():
    return [torch.randn(batch_size, channels, depth, height, width)]


def get_init_inputs():
    return [3, 2, 1]
