"""An embedding written as a one-hot matrix times a table."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (512, 1024, 256), "gpu": (8192, 16384, 1024), "small": (9, 33, 17)}
tokens, vocabulary, hidden = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.vocabulary = vocabulary
        self.table = nn.Parameter(torch.randn(vocabulary, hidden))

    def forward(self, tokens):
        return F.one_hot(tokens, self.vocabulary).to(self.table.dtype) @ self.table


def get_inputs():
    return [torch.randint(0, vocabulary, (tokens,))]


def get_init_inputs():
    return [vocabulary, hidden]
