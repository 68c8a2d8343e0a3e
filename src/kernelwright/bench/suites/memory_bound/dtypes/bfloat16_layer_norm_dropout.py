"""Dropout in eval mode, a residual and layer norm, all in bfloat16."""

import torch
import torch.nn as nn

SIZES = {"cpu": (12, 512, 1024), "gpu": (48, 2048, 5120), "small": (2, 5, 33)}
batch_size, length, hidden = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.dropout = nn.Dropout(0.1)
        self.norm = nn.LayerNorm(hidden)
        self.to(torch.bfloat16).eval()

    def forward(self, x, residual):
        return self.norm(self.dropout(x) + residual)


def get_inputs():
    shape = (batch_size, length, hidden)
    return [torch.randn(*shape).bfloat16(), torch.randn(*shape).bfloat16()]


def get_init_inputs():
    return [hidden]
