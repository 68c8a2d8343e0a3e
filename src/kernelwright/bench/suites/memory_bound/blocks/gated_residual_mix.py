"""Two branches mixed by a gate, with dropout in eval mode and a residual."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 256, 1024), "gpu": (32, 1024, 4096), "small": (2, 5, 33)}
batch_size, length, hidden = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gate_bias = nn.Parameter(torch.randn(hidden))
        self.drop = nn.Dropout(0.1)
        self.eval()

    def forward(self, a, b, g):
        gate = torch.sigmoid(g + self.gate_bias)
        return self.drop(gate * a + (1 - gate) * b) + a


def get_inputs():
    shape = (batch_size, length, hidden)
    return [torch.randn(*shape), torch.randn(*shape), torch.randn(*shape)]


def get_init_inputs():
    return [hidden]
