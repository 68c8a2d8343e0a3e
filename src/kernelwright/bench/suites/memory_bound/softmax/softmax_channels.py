"""Softmax over the channels of an image: a segmentation head."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 21, 224, 224), "gpu": (64, 32, 576, 576), "small": (2, 5, 7, 9)}
batch_size, classes, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.softmax = nn.Softmax2d()

    def forward(self, x):
        return self.softmax(x)


def get_inputs():
    return [torch.randn(batch_size, classes, height, width)]


def get_init_inputs():
    return []
