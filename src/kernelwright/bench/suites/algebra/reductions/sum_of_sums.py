"""Sums over one axis after another."""

import torch
import torch.nn as nn

SIZES = {"cpu": (224, 256, 512), "gpu": (512, 2048, 1152), "small": (3, 17, 33)}
batch_size, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return x.sum(dim=2).sum(dim=1).mean(dim=0)


def get_inputs():
    return [torch.rand(batch_size, dim1, dim2)]


def get_init_inputs():
    return []
