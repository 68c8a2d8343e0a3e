import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.n = nn.GroupNorm(8, 64)

    def forward(self, x):
        return self.n(x)


def get_inputs():
    return [torch.rand(32, 64, 512, 512)]


def get_init_inputs():
    return []
