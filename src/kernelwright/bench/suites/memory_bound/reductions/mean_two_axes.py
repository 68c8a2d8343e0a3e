"""Global average pooling written as a mean over the axes of the image."""

import torch
import torch.nn as nn

SIZES = {"cpu": (120, 256, 32, 32), "gpu": (256, 1024, 64, 64), "small": (2, 5, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x):
        return x.mean(dim=[2, 3])


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return []
