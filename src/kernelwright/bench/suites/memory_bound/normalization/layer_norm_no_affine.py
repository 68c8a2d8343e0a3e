"""Functional layer norm without weights."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (4096, 1024), "gpu": (131072, 4096), "small": (7, 33)}
tokens, hidden = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return F.layer_norm(x, (x.shape[-1],), eps=1e-6)


def get_inputs():
    return [torch.randn(tokens, hidden) * 2 + 0.5]


def get_init_inputs():
    return []
