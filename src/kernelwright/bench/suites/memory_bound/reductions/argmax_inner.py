"""The position of each row's largest element."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4096, 2048), "gpu": (32768, 36864), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return torch.argmax(x, dim=-1)


def get_inputs():
    return [torch.randn(rows, columns)]


def get_init_inputs():
    return []
