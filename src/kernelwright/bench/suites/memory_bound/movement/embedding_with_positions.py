"""Embeddings of tokens and positions, summed and normalised."""

import torch
import torch.nn as nn

SIZES = {"cpu": (16, 256, 30522, 768), "gpu": (128, 2048, 30522, 768), "small": (2, 9, 101, 16)}
batch_size, length, vocabulary, hidden = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, vocabulary, length, hidden):
        super().__init__()
        self.token = nn.Embedding(vocabulary, hidden, padding_idx=0)
        self.position = nn.Embedding(length, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, tokens):
        positions = torch.arange(tokens.size(1), device=tokens.device)
        x = self.token(tokens) + self.position(positions)[None]
        return self.norm(x)


def get_inputs():
    return [torch.randint(0, vocabulary, (batch_size, length))]


def get_init_inputs():
    return [vocabulary, length, hidden]
