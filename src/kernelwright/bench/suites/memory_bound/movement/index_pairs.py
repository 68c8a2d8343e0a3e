"""Elements picked by two index vectors, and scaled."""

import torch
import torch.nn as nn

SIZES = {"cpu": (3072, 1024, 1048576), "gpu": (65536, 8192, 67108864), "small": (17, 33, 65)}
rows, columns, picks = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, i, j, weight):
        return x[i, j] * weight


def get_inputs():
    i, j = torch.randint(0, rows, (picks,)), torch.randint(0, columns, (picks,))
    return [torch.randn(rows, columns), i, j, torch.randn(picks)]


def get_init_inputs():
    return []
