"""Max pooling with padding and dilation."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4, 32, 112, 112), "gpu": (64, 64, 384, 384), "small": (2, 3, 17, 19)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, kernel_size, stride, padding, dilation):
        super().__init__()
        self.pool = nn.MaxPool2d(
            kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation
        )

    def forward(self, x):
        return self.pool(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [3, 1, 1, 2]
