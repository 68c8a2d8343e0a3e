"""The centre of an image, normalised by means and deviations of colours."""

import torch
import torch.nn as nn

SIZES = {"cpu": (32, 256, 256), "gpu": (512, 640, 640), "small": (2, 32, 35)}
batch_size, height, width = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x):
        top, left = x.shape[2] // 16, x.shape[3] // 16
        x = x[:, :, top:-top, left:-left]
        return (x - self.mean) / self.std


def get_inputs():
    return [torch.rand(batch_size, 3, height, width)]


def get_init_inputs():
    return []
