"""A normalised adjacency: D^-1/2 A D^-1/2."""

import torch
import torch.nn as nn

SIZES = {"cpu": 640, "gpu": 4096, "small": 33}
n = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a):
        degree = a.sum(dim=1)
        d = torch.diag(torch.pow(degree, -0.5))
        return torch.mm(torch.mm(d, a), d)


def get_inputs():
    return [torch.rand(n, n) + 0.01]


def get_init_inputs():
    return []
