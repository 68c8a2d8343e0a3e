"""Int8 weights times a scale a row, minus a zero point."""

import torch
import torch.nn as nn

SIZES = {"cpu": (2048, 4096), "gpu": (32768, 32768), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, weight, scale, zero):
        return (weight.float() - zero.unsqueeze(1)) * scale.unsqueeze(1)


def get_inputs():
    weight = torch.randint(-128, 128, (rows, columns), dtype=torch.int8)
    return [weight, torch.rand(rows) + 0.1, torch.randn(rows)]


def get_init_inputs():
    return []
