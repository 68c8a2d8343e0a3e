"""A weight normalised in every call, though it is a parameter."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (128, 1024, 2048), "gpu": (1024, 8192, 8192), "small": (7, 17, 33)}
batch_size, in_features, out_features = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.v = nn.Parameter(torch.randn(out_features, in_features))
        self.g = nn.Parameter(torch.rand(out_features, 1) + 0.5)

    def forward(self, x):
        weight = self.g * self.v / self.v.norm(dim=1, keepdim=True)
        return F.linear(x, weight)


def get_inputs():
    return [torch.randn(batch_size, in_features)]


def get_init_inputs():
    return [in_features, out_features]
