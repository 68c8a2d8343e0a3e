"""Max pooling of volumes with dilation and ceil mode."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1, 16, 32, 64, 64), "gpu": (24, 32, 112, 112, 112), "small": (1, 3, 9, 11, 13)}
batch_size, channels, depth, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, kernel_size, stride, padding, dilation):
        super().__init__()
        self.pool = nn.MaxPool3d(kernel_size, stride, padding, dilation, ceil_mode=True)

    def forward(self, x):
        return self.pool(x)


def get_inputs():
    return [torch.randn(batch_size, channels, depth, height, width)]


def get_init_inputs():
    return [3, 2, 1, 2]
