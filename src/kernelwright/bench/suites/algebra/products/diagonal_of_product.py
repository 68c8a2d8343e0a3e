"""The diagonal of each product of a batch."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4, 512, 512), "gpu": (16, 2048, 2048), "small": (2, 9, 17)}
batch_size, m, k = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b):
        return torch.diagonal(torch.bmm(a, b), dim1=1, dim2=2)


def get_inputs():
    return [torch.rand(batch_size, m, k), torch.rand(batch_size, k, m)]


def get_init_inputs():
    return []
