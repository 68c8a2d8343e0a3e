"""Cross entropy for every pixel with weights of classes, summed."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (4, 21, 160, 160), "gpu": (32, 21, 512, 512), "small": (2, 5, 7, 9)}
batch_size, classes, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.register_buffer("weight", torch.rand(classes) + 0.5)

    def forward(self, logits, labels):
        return F.cross_entropy(logits, labels, weight=self.weight, reduction="sum")


def get_inputs():
    logits = torch.randn(batch_size, classes, height, width)
    return [logits, torch.randint(0, classes, (batch_size, height, width))]


def get_init_inputs():
    return [classes]
