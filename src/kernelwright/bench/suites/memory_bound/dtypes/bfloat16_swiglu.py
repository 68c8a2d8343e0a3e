"""The gate of a feed-forward layer in bfloat16."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (2048, 2816), "gpu": (65536, 11008), "small": (7, 33)}
tokens, hidden = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, gate, up):
        return F.silu(gate) * up


def get_inputs():
    return [torch.randn(tokens, hidden).bfloat16(), torch.randn(tokens, hidden).bfloat16()]


def get_init_inputs():
    return []
