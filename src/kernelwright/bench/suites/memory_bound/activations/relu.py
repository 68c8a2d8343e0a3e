"""ReLU of a batch of feature vectors."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 8192), "gpu": (16384, 40960), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return torch.relu(x)


def get_inputs():
    return [torch.randn(batch_size, dim)]


def get_init_inputs():
    return []
