"""Binary cross entropy of probabilities."""

import torch
import torch.nn as nn

SIZES = {"cpu": (256, 4096), "gpu": (16384, 20480), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = nn.BCELoss()

    def forward(self, probabilities, labels):
        return self.loss(probabilities, labels)


def get_inputs():
    probabilities = torch.rand(batch_size, dim) * 0.98 + 0.01
    return [probabilities, torch.randint(0, 2, (batch_size, dim)).float()]


def get_init_inputs():
    return []
