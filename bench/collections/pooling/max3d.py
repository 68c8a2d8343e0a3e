import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = nn.MaxPool3d(kernel_size=3, stride=2, padding=1, dilation=3)

    def forward(self, x):
        return self.p(x)


def get_inputs():
    return [torch.rand(16, 32, 64, 64, 64)]


def get_init_inputs():
    return []
