"""Key heads repeated for grouped queries."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 4, 512, 64), "gpu": (16, 8, 8192, 128), "small": (2, 2, 5, 8)}
batch_size, heads, length, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, repeats):
        super().__init__()
        self.repeats = repeats

    def forward(self, x):
        n, heads, length, width = x.shape
        x = x[:, :, None, :, :].expand(n, heads, self.repeats, length, width)
        return x.reshape(n, heads * self.repeats, length, width)


def get_inputs():
    return [torch.randn(batch_size, heads, length, width)]


def get_init_inputs():
    return [4]
