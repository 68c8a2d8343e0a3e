import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(64, 128, 3)

    def forward(self, x):
        return F.mish(F.mish(self.c(x)))


def get_inputs():
    return [torch.rand(64, 64, 128, 128)]


def get_init_inputs():
    return []
