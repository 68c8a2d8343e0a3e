"""Content normalised by its own statistics and scaled by those of a style."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 64, 64, 64), "gpu": (56, 128, 128, 128), "small": (2, 3, 7, 9)}
batch_size, channels, height, width = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, content, style):
        c_std, c_mean = torch.std_mean(content, dim=(2, 3), keepdim=True)
        s_std, s_mean = torch.std_mean(style, dim=(2, 3), keepdim=True)
        return s_std * (content - c_mean) / (c_std + 1e-5) + s_mean


def get_inputs():
    shape = (batch_size, channels, height, width)
    return [torch.randn(*shape), torch.rand(*shape)]


def get_init_inputs():
    return []
