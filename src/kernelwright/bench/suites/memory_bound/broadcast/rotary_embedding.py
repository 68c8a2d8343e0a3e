"""Rotary position embedding of queries, by rotating halves."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2, 16, 1024, 64), "gpu": (16, 32, 4096, 128), "small": (1, 2, 9, 8)}
batch_size, heads, sequence, head_dim = SIZES["cpu"]


def rotate_half(x):
    first, second = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-second, first), dim=-1)


class Model(nn.Module):
    def __init__(self, sequence, head_dim):
        super().__init__()
        frequencies = 1.0 / 10000 ** (torch.arange(0, head_dim, 2).float() / head_dim)
        angles = torch.outer(torch.arange(sequence).float(), frequencies)
        angles = torch.cat((angles, angles), dim=-1)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, q):
        return q * self.cos + rotate_half(q) * self.sin


def get_inputs():
    return [torch.randn(batch_size, heads, sequence, head_dim)]


def get_init_inputs():
    return [sequence, head_dim]
