"""Batch norm of feature vectors in training mode."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8192, 512), "gpu": (131072, 4096), "small": (33, 7)}
batch_size, features = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.bn = nn.BatchNorm1d(features, affine=False)

    def forward(self, x):
        return self.bn(x)


def get_inputs():
    return [torch.randn(batch_size, features) * 2 + 1]


def get_init_inputs():
    return [features]
