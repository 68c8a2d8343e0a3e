"""Max pooling of signals with overlap."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 64, 8192), "gpu": (64, 192, 65536), "small": (2, 3, 65)}
batch_size, features, length = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, kernel_size, stride, padding, dilation):
        super().__init__()
        self.pool = nn.MaxPool1d(kernel_size, stride, padding, dilation)

    def forward(self, x):
        return self.pool(x)


def get_inputs():
    return [torch.randn(batch_size, features, length)]


def get_init_inputs():
    return [8, 2, 4, 1]
