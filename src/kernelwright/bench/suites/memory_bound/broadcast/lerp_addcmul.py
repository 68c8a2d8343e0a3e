"""Linear interpolation of two tensors and a scaled product onto a third."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1152, 4096), "gpu": (10240, 16384), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, y, z):
        mixed = torch.lerp(x, y, 0.3)
        return torch.addcmul(z, mixed, x, value=0.5)


def get_inputs():
    return [
        torch.randn(batch_size, dim),
        torch.randn(batch_size, dim),
        torch.randn(batch_size, dim),
    ]


def get_init_inputs():
    return []
