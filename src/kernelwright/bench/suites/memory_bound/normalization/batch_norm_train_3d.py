"""Batch norm of volumes in training mode."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4, 16, 24, 48, 48), "gpu": (16, 64, 32, 128, 128), "small": (2, 3, 4, 5, 7)}
batch_size, features, depth, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.bn = nn.BatchNorm3d(features)

    def forward(self, x):
        return self.bn(x)


def get_inputs():
    return [torch.randn(batch_size, features, depth, height, width)]


def get_init_inputs():
    return [features]
