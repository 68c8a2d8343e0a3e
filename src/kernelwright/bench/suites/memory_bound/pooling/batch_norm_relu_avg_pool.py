"""The transition between dense blocks: batch norm in eval mode, ReLU, average pooling."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 64, 56, 56), "gpu": (104, 128, 112, 112), "small": (2, 3, 8, 10)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.AvgPool2d(2, 2))
        self.layers[0].running_var.uniform_(0.5, 2.0)
        self.eval()

    def forward(self, x):
        return self.layers(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [channels]
