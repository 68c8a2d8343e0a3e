"""Squared differences of all pairs of two vectors, weighted by a matrix."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2048, 2048), "gpu": (20480, 16384), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b, weight):
        return (a[:, None] - b[None, :]) ** 2 * weight


def get_inputs():
    return [torch.randn(rows), torch.randn(columns), torch.randn(rows, columns)]


def get_init_inputs():
    return []
