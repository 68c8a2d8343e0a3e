"""Biased standard deviation over the middle axis."""

import torch
import torch.nn as nn

SIZES = {"cpu": (7, 512, 1024), "gpu": (128, 4096, 2304), "small": (3, 7, 33)}
batch_size, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return x.std(dim=1, unbiased=False)


def get_inputs():
    return [torch.randn(batch_size, dim1, dim2)]


def get_init_inputs():
    return []
