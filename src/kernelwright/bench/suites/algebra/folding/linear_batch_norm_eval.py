"""A linear layer, batch norm in eval mode and a scale: one linear layer."""

import torch
import torch.nn as nn

SIZES = {"cpu": (512, 1024, 1024), "gpu": (4096, 4096, 4096), "small": (7, 17, 33)}
batch_size, in_features, out_features = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self.bn = nn.BatchNorm1d(out_features)
        self.bn.running_mean.normal_()
        self.bn.running_var.uniform_(0.5, 2.0)
        self.scale = nn.Parameter(torch.rand(out_features) + 0.5)
        self.eval()

    def forward(self, x):
        return self.bn(self.linear(x)) * self.scale


def get_inputs():
    return [torch.randn(batch_size, in_features)]


def get_init_inputs():
    return [in_features, out_features]
