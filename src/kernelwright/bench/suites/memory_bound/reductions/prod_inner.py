"""Products along rows of numbers near one."""

import torch
import torch.nn as nn

SIZES = {"cpu": (228352, 256), "gpu": (524288, 2048), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return torch.prod(x, dim=1)


def get_inputs():
    return [torch.rand(rows, columns) * 0.2 + 0.9]


def get_init_inputs():
    return []
