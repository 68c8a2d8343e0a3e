"""RMS norm over the channels of an image, without weights."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 64, 64, 64), "gpu": (112, 64, 224, 224), "small": (2, 5, 7, 9)}
batch_size, features, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps

    def forward(self, x):
        rms = torch.sqrt(torch.mean(x**2, dim=1, keepdim=True) + self.eps)
        return x / rms


def get_inputs():
    return [torch.randn(batch_size, features, dim1, dim2)]


def get_init_inputs():
    return [1e-5]
