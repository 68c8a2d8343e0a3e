"""The largest absolute value of each matrix of a batch."""

import torch
import torch.nn as nn

SIZES = {"cpu": (64, 256, 512), "gpu": (512, 1024, 2304), "small": (3, 7, 33)}
batch_size, rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return torch.linalg.vector_norm(x, ord=float("inf"), dim=(1, 2))


def get_inputs():
    return [torch.randn(batch_size, rows, columns)]


def get_init_inputs():
    return []
