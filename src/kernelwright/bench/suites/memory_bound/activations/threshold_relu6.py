"""A threshold that replaces small values, capped at six."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 32, 128, 128), "gpu": (128, 64, 200, 200), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, threshold, value):
        super().__init__()
        self.threshold = nn.Threshold(threshold, value)
        self.relu6 = nn.ReLU6()

    def forward(self, x):
        return self.relu6(self.threshold(x))


def get_inputs():
    return [torch.randn(batch_size, channels, height, width) * 4]


def get_init_inputs():
    return [0.2, 0.05]
