"""Layer norm over channels, height and width."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 32, 96, 96), "gpu": (88, 64, 320, 320), "small": (2, 3, 7, 9)}
batch_size, features, dim1, dim2 = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, normalized_shape):
        super().__init__()
        self.ln = nn.LayerNorm(normalized_shape=normalized_shape)

    def forward(self, x):
        return self.ln(x)


def get_inputs():
    return [torch.randn(batch_size, features, dim1, dim2)]


def get_init_inputs():
    return [(features, dim1, dim2)]
