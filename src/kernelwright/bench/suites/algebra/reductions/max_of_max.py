"""Maxima over one axis after another, after a ReLU."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (64, 256, 512), "gpu": (512, 2048, 768), "small": (3, 17, 33)}
batch_size, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        x = F.relu(x)
        return x.max(dim=2).values.amax(dim=1)


def get_inputs():
    return [torch.randn(batch_size, dim1, dim2)]


def get_init_inputs():
    return []
