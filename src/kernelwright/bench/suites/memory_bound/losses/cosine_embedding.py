"""Cosine embedding loss with labels, one a row."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (2048, 1024), "gpu": (65536, 4096), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, a, b, labels):
        return F.cosine_embedding_loss(a, b, labels, margin=0.1, reduction="none")


def get_inputs():
    labels = torch.randint(0, 2, (batch_size,)) * 2 - 1
    return [torch.randn(batch_size, dim), torch.randn(batch_size, dim), labels]


def get_init_inputs():
    return []
