"""A mean over the sequence with weights that a mask sets to zero."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 256, 1024), "gpu": (64, 2048, 3072), "small": (2, 7, 33)}
batch_size, sequence, hidden = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, mask):
        weights = mask.unsqueeze(-1).to(x.dtype)
        return (x * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)


def get_inputs():
    return [torch.randn(batch_size, sequence, hidden), torch.rand(batch_size, sequence) > 0.25]


def get_init_inputs():
    return []
