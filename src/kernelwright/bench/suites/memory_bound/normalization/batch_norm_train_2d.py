"""Batch norm of images in training mode: the batch's own statistics."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 32, 112, 112), "gpu": (64, 64, 320, 320), "small": (3, 4, 7, 9)}
batch_size, features, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.bn = nn.BatchNorm2d(num_features=features)

    def forward(self, x):
        return self.bn(x)


def get_inputs():
    return [torch.rand(batch_size, features, dim1, dim2)]


def get_init_inputs():
    return [features]
