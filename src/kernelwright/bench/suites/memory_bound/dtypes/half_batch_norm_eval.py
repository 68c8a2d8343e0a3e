"""A Model cast to float16: batch norm in eval mode and ReLU."""

import torch
import torch.nn as nn

SIZES = {"cpu": (40, 64, 80, 80), "gpu": (128, 128, 200, 200), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.bn.running_var.uniform_(0.5, 2.0)
        self.half().eval()

    def forward(self, x):
        return torch.relu(self.bn(x))


def get_inputs():
    return [torch.randn(batch_size, channels, height, width, dtype=torch.float16)]


def get_init_inputs():
    return [channels]
