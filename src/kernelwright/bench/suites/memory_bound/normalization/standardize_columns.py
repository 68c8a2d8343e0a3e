"""Columns standardised over the rows of a table."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16384, 256), "gpu": (262144, 2048), "small": (33, 7)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return (x - x.mean(0)) / (x.std(0) + 1e-6)


def get_inputs():
    return [torch.randn(rows, columns) * 3 + 2]


def get_init_inputs():
    return []
