"""Scores scaled, with a linear distance bias and a causal mask."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2, 8, 512), "gpu": (8, 16, 2048), "small": (1, 2, 17)}
batch_size, heads, length = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, heads, length):
        super().__init__()
        slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
        distance = torch.arange(length)[None, :] - torch.arange(length)[:, None]
        self.register_buffer("bias", slopes[:, None, None] * distance[None])
        self.register_buffer("mask", torch.ones(length, length).tril() == 0)

    def forward(self, scores):
        scores = scores * 0.125 + self.bias
        return scores.masked_fill(self.mask, float("-inf"))


def get_inputs():
    return [torch.randn(batch_size, heads, length, length)]


def get_init_inputs():
    return [heads, length]
