"""Group norm of images."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 64, 80, 80), "gpu": (80, 64, 288, 288), "small": (2, 6, 7, 9)}
batch_size, features, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, features, num_groups):
        super().__init__()
        self.gn = nn.GroupNorm(num_groups=num_groups, num_channels=features)

    def forward(self, x):
        return self.gn(x)


def get_inputs():
    return [torch.randn(batch_size, features, dim1, dim2)]


def get_init_inputs():
    return [features, 2]
