"""ELU with alpha other than one, as a module."""

import torch
import torch.nn as nn

SIZES = {"cpu": (32, 64, 4096), "gpu": (512, 128, 9600), "small": (2, 5, 17)}
batch_size, channels, length = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, alpha):
        super().__init__()
        self.act = nn.ELU(alpha=alpha)

    def forward(self, x):
        return self.act(x)


def get_inputs():
    return [torch.randn(batch_size, channels, length)]


def get_init_inputs():
    return [1.5]
