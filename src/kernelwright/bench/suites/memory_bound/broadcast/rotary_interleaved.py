"""Rotary position embedding of interleaved pairs, with angles made in forward."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2, 1024, 16, 64), "gpu": (8, 4096, 32, 128), "small": (1, 9, 2, 8)}
batch_size, sequence, heads, head_dim = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, head_dim):
        super().__init__()
        self.register_buffer("inv_freq", 10000.0 ** (-torch.arange(0, head_dim, 2) / head_dim))

    def forward(self, x, positions):
        angles = positions[:, None].float() * self.inv_freq
        cos, sin = torch.cos(angles)[None, :, None], torch.sin(angles)[None, :, None]
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def get_inputs():
    return [torch.randn(batch_size, sequence, heads, head_dim), torch.arange(sequence)]


def get_init_inputs():
    return [head_dim]
