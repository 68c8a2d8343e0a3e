"""Rows picked by an index vector."""

import torch
import torch.nn as nn

SIZES = {"cpu": (32768, 512, 16384), "gpu": (1048576, 1024, 524288), "small": (33, 17, 21)}
rows, columns, picks = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, index):
        return torch.index_select(x, 0, index)


def get_inputs():
    return [torch.randn(rows, columns), torch.randint(0, rows, (picks,))]


def get_init_inputs():
    return []
