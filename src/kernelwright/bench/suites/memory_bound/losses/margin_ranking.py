"""Margin ranking loss, summed."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": 2097152, "gpu": 268435456, "small": 231}
count = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, first, second, order):
        return F.margin_ranking_loss(first, second, order, margin=0.5, reduction="sum")


def get_inputs():
    return [torch.randn(count), torch.randn(count), torch.randint(0, 2, (count,)).float() * 2 - 1]


def get_init_inputs():
    return []
