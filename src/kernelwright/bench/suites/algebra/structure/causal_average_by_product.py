"""Prefix means as a product with a normalised triangle of ones."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4, 512, 256), "gpu": (16, 4096, 1024), "small": (2, 17, 9)}
batch_size, length, hidden = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        length = x.shape[1]
        weights = torch.tril(torch.ones(length, length, device=x.device))
        weights = weights / weights.sum(1, keepdim=True)
        return weights @ x


def get_inputs():
    return [torch.randn(batch_size, length, hidden)]


def get_init_inputs():
    return []
