"""A polynomial of degree five by Horner's rule, its coefficients learnable."""

import torch
import torch.nn as nn

SIZES = {"cpu": (512, 4096), "gpu": (8192, 6144), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.coefficients = nn.Parameter(torch.randn(6))

    def forward(self, x):
        result = self.coefficients[5]
        for i in range(4, -1, -1):
            result = result * x + self.coefficients[i]
        return result


def get_inputs():
    return [torch.randn(batch_size, dim)]


def get_init_inputs():
    return []
