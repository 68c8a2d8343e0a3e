"""Mish as a product of tanh and softplus."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 4096), "gpu": (16384, 12288), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return x * torch.tanh(F.softplus(x))


def get_inputs():
    return [torch.randn(batch_size, dim)]


def get_init_inputs():
    return []
