"""A matrix times a diagonal matrix made by diag_embed, in batches."""

import torch
import torch.nn as nn

SIZES = {"cpu": (4, 512, 512), "gpu": (16, 4096, 2048), "small": (2, 17, 9)}
batch_size, n, m = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, d):
        return torch.matmul(a, torch.diag_embed(d))


def get_inputs():
    return [torch.randn(batch_size, n, m), torch.randn(batch_size, m)]


def get_init_inputs():
    return []
