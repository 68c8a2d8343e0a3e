"""The four largest of each row of router scores."""

import torch
import torch.nn as nn

SIZES = {"cpu": (34816, 64), "gpu": (8242176, 128), "small": (33, 16)}
tokens, experts = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, scores):
        values, indices = torch.topk(scores, 4, dim=-1)
        return values, indices


def get_inputs():
    return [torch.randn(tokens, experts)]


def get_init_inputs():
    return []
