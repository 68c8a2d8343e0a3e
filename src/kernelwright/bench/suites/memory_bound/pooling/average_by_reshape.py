"""Patches averaged by a reshape and a mean over two axes."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 32, 128, 128), "gpu": (128, 64, 384, 384), "small": (2, 3, 16, 24)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 4, 4, w // 4, 4).mean(dim=(3, 5))


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
