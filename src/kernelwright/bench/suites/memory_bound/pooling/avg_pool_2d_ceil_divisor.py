"""Average pooling in ceil mode with a divisor of its own."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 32, 113, 113), "gpu": (128, 64, 385, 385), "small": (2, 3, 18, 20)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, divisor):
        super().__init__()
        self.pool = nn.AvgPool2d((3, 2), stride=(2, 2), ceil_mode=True, divisor_override=divisor)

    def forward(self, x):
        return self.pool(x)


def get_inputs():
    return [torch.randn(batch_size, channels, height, width)]


def get_init_inputs():
    return [5]
