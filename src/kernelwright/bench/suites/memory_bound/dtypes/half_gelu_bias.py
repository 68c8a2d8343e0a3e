"""Bias and GELU in float16."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 4096), "gpu": (32768, 16384), "small": (7, 33)}
tokens, hidden = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.bias = nn.Parameter(torch.randn(hidden, dtype=torch.float16))

    def forward(self, x):
        return F.gelu(x + self.bias)


def get_inputs():
    return [torch.randn(tokens, hidden).half()]


def get_init_inputs():
    return [hidden]
