"""A linear layer whose sum makes the rest of the tail work on one column."""

import torch
import torch.nn as nn

SIZES = {"cpu": (512, 1024, 1024), "gpu": (2048, 8192, 8192), "small": (7, 17, 33)}
batch_size, in_features, out_features = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x):
        x = self.linear(x)
        x = torch.sum(x, dim=1, keepdim=True)
        x = torch.max(x, dim=1, keepdim=True)[0]
        x = torch.mean(x, dim=1, keepdim=True)
        x = torch.logsumexp(x, dim=1, keepdim=True)
        return torch.logsumexp(x, dim=1, keepdim=True)


def get_inputs():
    return [torch.rand(batch_size, in_features)]


def get_init_inputs():
    return [in_features, out_features]
