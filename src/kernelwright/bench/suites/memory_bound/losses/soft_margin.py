"""Soft margin loss of scores against signs."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 2048), "gpu": (16384, 8192), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, scores, signs):
        return F.soft_margin_loss(scores, signs)


def get_inputs():
    return [torch.randn(batch_size, dim), torch.randint(0, 2, (batch_size, dim)).float() * 2 - 1]


def get_init_inputs():
    return []
