"""Two linear layers with nothing between them."""

import torch
import torch.nn as nn

SIZES = {"cpu": (576, 512, 2048), "gpu": (16384, 1024, 8192), "small": (7, 17, 33)}
batch_size, width, inner = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width)

    def forward(self, x):
        return self.down(self.up(x))


def get_inputs():
    return [torch.randn(batch_size, width)]


def get_init_inputs():
    return [width, inner]
