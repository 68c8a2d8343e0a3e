"""Hinge loss with labels of plus and minus one a row."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 4096), "gpu": (32768, 16384), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, predictions, targets):
        return torch.mean(torch.clamp(1 - predictions * targets[:, None], min=0))


def get_inputs():
    return [torch.rand(batch_size, dim), torch.randint(0, 2, (batch_size,)).float() * 2 - 1]


def get_init_inputs():
    return []
