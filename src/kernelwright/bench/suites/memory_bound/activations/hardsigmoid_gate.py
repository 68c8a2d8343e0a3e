"""A hard sigmoid of one tensor gates another."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (512, 8192), "gpu": (11264, 20480), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, gate):
        return x * F.hardsigmoid(gate)


def get_inputs():
    return [torch.randn(batch_size, dim), torch.randn(batch_size, dim) * 3]


def get_init_inputs():
    return []
