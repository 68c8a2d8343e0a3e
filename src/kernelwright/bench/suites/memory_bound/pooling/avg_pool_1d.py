"""Average pooling of signals with overlap."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 64, 8192), "gpu": (64, 128, 98304), "small": (2, 3, 65)}
batch_size, channels, length = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, kernel_size, stride, padding):
        super().__init__()
        self.pool = nn.AvgPool1d(kernel_size, stride=stride, padding=padding)

    def forward(self, x):
        return self.pool(x)


def get_inputs():
    return [torch.randn(batch_size, channels, length)]


def get_init_inputs():
    return [8, 1, 4]
