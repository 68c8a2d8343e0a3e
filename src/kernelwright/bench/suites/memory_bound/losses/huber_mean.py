"""Huber loss with a delta other than one."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 4096), "gpu": (16384, 20480), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, delta):
        super().__init__()
        self.delta = delta

    def forward(self, predictions, targets):
        return F.huber_loss(predictions, targets, delta=self.delta)


def get_inputs():
    return [torch.randn(batch_size, dim), torch.randn(batch_size, dim)]


def get_init_inputs():
    return [0.7]
