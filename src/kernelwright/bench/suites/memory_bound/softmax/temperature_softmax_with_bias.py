"""A biased softmax at a temperature, with an additive padding mask."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (4, 8, 256, 512), "gpu": (16, 16, 1024, 2048), "small": (1, 2, 5, 17)}
batch_size, heads, queries, keys = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, scores, bias, padding):
        scores = scores / 0.7 + bias
        scores = scores + (1.0 - padding[:, None, None, :]) * -10000.0
        return F.softmax(scores, dim=-1)


def get_inputs():
    scores = torch.randn(batch_size, heads, queries, keys)
    bias = torch.randn(1, heads, queries, keys)
    padding = (torch.rand(batch_size, keys) > 0.2).float()
    padding[:, 0] = 1.0
    return [scores, bias, padding]


def get_init_inputs():
    return []
