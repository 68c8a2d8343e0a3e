"""Casts up and down again between bfloat16 and float32."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 4096), "gpu": (32768, 16384), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        x = x.float().to(torch.bfloat16).float()
        x = x * 2.0
        return x.to(torch.bfloat16).float().to(torch.bfloat16)


def get_inputs():
    return [torch.randn(batch_size, dim).bfloat16()]


def get_init_inputs():
    return []
