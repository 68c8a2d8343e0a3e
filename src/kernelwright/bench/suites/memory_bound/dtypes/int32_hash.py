"""An integer hash of 32-bit words by shifts and multiplications."""

import torch
import torch.nn as nn

SIZES = {"cpu": 4194304, "gpu": 268435456, "small": 231}
count = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        x = (x ^ (x >> 16)) * 73244475
        x = (x ^ (x >> 16)) * 73244475
        return x ^ (x >> 16)


def get_inputs():
    return [torch.randint(0, 2**31 - 1, (count,), dtype=torch.int32)]


def get_init_inputs():
    return []
