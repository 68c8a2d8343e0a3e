"""A ternary choice with a mask a row and a threshold a column."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2048, 2048), "gpu": (16384, 16384), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, y, keep, limit):
        return torch.where(keep[:, None] & (x < limit), x * y, x - y)


def get_inputs():
    x, y = torch.randn(rows, columns), torch.randn(rows, columns)
    return [x, y, torch.rand(rows) > 0.3, torch.randn(columns)]


def get_init_inputs():
    return []
