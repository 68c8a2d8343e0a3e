"""Log-sum-exp by its shifted formula."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 4096), "gpu": (16384, 16384), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        largest = x.max(dim=-1, keepdim=True).values
        return largest.squeeze(-1) + torch.log(torch.exp(x - largest).sum(dim=-1))


def get_inputs():
    return [torch.randn(rows, columns)]


def get_init_inputs():
    return []
