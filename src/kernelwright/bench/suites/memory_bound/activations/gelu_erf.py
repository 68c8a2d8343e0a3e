"""GELU by the error function."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (8, 512, 2048), "gpu": (128, 2048, 2560), "small": (2, 3, 17)}
batch_size, sequence, hidden = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return F.gelu(x)


def get_inputs():
    return [torch.randn(batch_size, sequence, hidden)]


def get_init_inputs():
    return []
