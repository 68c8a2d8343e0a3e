"""A product of complex numbers kept as pairs of real ones."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 2048), "gpu": (8192, 16384), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b):
        ar, ai = a[..., 0], a[..., 1]
        br, bi = b[..., 0], b[..., 1]
        return torch.stack([ar * br - ai * bi, ar * bi + ai * br], dim=-1)


def get_inputs():
    return [torch.randn(rows, columns, 2), torch.randn(rows, columns, 2)]


def get_init_inputs():
    return []
