"""Bucket numbers of int64 coordinates."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 2048), "gpu": (16384, 8192), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, y):
        return (x // 7) * 131 + (y % 131).clamp(max=120)


def get_inputs():
    return [
        torch.randint(-5000, 5000, (rows, columns)),
        torch.randint(-5000, 5000, (rows, columns)),
    ]


def get_init_inputs():
    return []
