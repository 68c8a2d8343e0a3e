import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = nn.MaxPool2d(kernel_size=4, stride=1, padding=1, dilation=1)

    def forward(self, x):
        return self.p(x)


def get_inputs():
    return [torch.rand(16, 64, 512, 512)]


def get_init_inputs():
    return []
