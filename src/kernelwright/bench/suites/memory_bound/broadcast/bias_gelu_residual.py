"""Bias, GELU and a residual, as they follow a linear layer."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (2048, 2048), "gpu": (20480, 8192), "small": (5, 33)}
tokens, hidden = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(hidden))

    def forward(self, x, residual):
        return F.gelu(x + self.bias) + residual


def get_inputs():
    return [torch.randn(tokens, hidden), torch.randn(tokens, hidden)]


def get_init_inputs():
    return [hidden]
