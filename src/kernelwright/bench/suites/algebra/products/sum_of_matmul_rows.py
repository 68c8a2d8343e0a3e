"""Row sums of a product of two matrices."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 1024, 1024), "gpu": (4096, 4096, 4096), "small": (7, 17, 33)}
m, k, n = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b):
        return torch.matmul(a, b).sum(dim=1)


def get_inputs():
    return [torch.rand(m, k), torch.rand(k, n)]


def get_init_inputs():
    return []
