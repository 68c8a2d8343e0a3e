"""A residual block's tail in training mode: batch norm, sum, ReLU."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (16, 64, 56, 56), "gpu": (64, 128, 128, 128), "small": (3, 4, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, momentum=0.01, eps=1e-3)

    def forward(self, x, shortcut):
        return F.relu(self.bn(x) + shortcut)


def get_inputs():
    shape = (batch_size, channels, height, width)
    return [torch.randn(*shape), torch.randn(*shape)]


def get_init_inputs():
    return [channels]
