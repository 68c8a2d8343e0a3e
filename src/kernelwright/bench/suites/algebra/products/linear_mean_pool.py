"""The mean over a sequence after a linear layer."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 256, 512, 512), "gpu": (32, 1024, 2048, 2048), "small": (2, 5, 17, 9)}
batch_size, length, in_features, out_features = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.fc = nn.Linear(in_features, out_features)

    def forward(self, x):
        return self.fc(x).mean(dim=1)


def get_inputs():
    return [torch.rand(batch_size, length, in_features)]


def get_init_inputs():
    return [in_features, out_features]
