"""Three maps stacked into a new axis."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 384, 384), "gpu": (104, 1408, 1408), "small": (2, 7, 9)}
batch_size, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, y, z):
        return torch.stack([x, y, z], dim=1)


def get_inputs():
    shape = (batch_size, height, width)
    return [torch.randn(*shape), torch.randn(*shape), torch.randn(*shape)]


def get_init_inputs():
    return []
