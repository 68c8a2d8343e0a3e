import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.ConvTranspose3d(32, 64, 4, stride=2, padding=1)
        self.n = nn.LayerNorm(64)

    def forward(self, x):
        x = self.n(self.c(x))
        return F.gelu(x) * 1.0


def get_inputs():
    return [torch.rand(16, 32, 16, 32, 32)]


def get_init_inputs():
    return []
