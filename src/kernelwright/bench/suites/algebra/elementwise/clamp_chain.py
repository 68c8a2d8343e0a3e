"""Clamps, minima, maxima and ReLUs in a row."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 4096), "gpu": (16384, 8192), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        x = torch.clamp(x, -3.0, 3.0)
        x = F.relu(F.relu(x))
        x = torch.minimum(x, torch.full_like(x, 2.0))
        x = torch.clamp(x, min=0.5)
        return F.hardtanh(x, 0.25, 1.75)


def get_inputs():
    return [torch.randn(batch_size, dim) * 2]


def get_init_inputs():
    return []
