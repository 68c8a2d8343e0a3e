"""Branches of different widths joined, then ReLU."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (64, 128, 256), "gpu": (512, 1024, 512), "small": (2, 5, 7)}
batch_size, rows, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b, c):
        return F.relu(torch.cat((a, b * 2.0, c), dim=-1))


def get_inputs():
    widths = (width, width // 2, width * 2)
    return [torch.randn(batch_size, rows, n) for n in widths]


def get_init_inputs():
    return []
