"""An embedding of tokens."""

import torch
import torch.nn as nn

SIZES = {"cpu": (24, 512, 32000, 768), "gpu": (120, 4096, 50257, 2048), "small": (2, 9, 101, 16)}
batch_size, length, vocabulary, hidden = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)

    def forward(self, tokens):
        return self.embedding(tokens)


def get_inputs():
    return [torch.randint(0, vocabulary, (batch_size, length))]


def get_init_inputs():
    return [vocabulary, hidden]
