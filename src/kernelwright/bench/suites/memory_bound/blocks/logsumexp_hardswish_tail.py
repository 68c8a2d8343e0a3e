"""Log-sum-exp over channels, a hand-written hardswish, a bias and a clamp."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 64, 80, 80), "gpu": (64, 128, 224, 224), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(0.1 * torch.randn(1, 1, 1, 1))

    def forward(self, x):
        x = torch.logsumexp(x, dim=1, keepdim=True)
        x = x * torch.sigmoid(x + 3) / 6
        x = x - self.bias
        return torch.clamp(x, min=-1, max=1)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width) - 2.5]


def get_init_inputs():
    return []
