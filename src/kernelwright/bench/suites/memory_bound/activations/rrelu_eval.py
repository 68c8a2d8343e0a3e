"""Randomised leaky ReLU in eval mode, where its slope is fixed."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 8192), "gpu": (16384, 40960), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.RReLU(0.1, 0.3)
        self.eval()

    def forward(self, x):
        return self.act(x)


def get_inputs():
    return [torch.randn(batch_size, dim)]


def get_init_inputs():
    return []
