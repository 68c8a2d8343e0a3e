import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(64)

    def forward(self, x):
        return self.bn(x)


def get_inputs():
    return [torch.rand(64, 64, 256, 256)]


def get_init_inputs():
    return []
