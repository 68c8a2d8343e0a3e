"""Exponentials of logarithms."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 4096), "gpu": (16384, 12288), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, y):
        return torch.exp(torch.log(x) + torch.log(y))


def get_inputs():
    return [torch.rand(batch_size, dim) + 0.1, torch.rand(batch_size, dim) + 0.1]


def get_init_inputs():
    return []
