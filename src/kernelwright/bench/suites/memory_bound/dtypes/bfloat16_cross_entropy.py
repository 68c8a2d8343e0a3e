"""Cross entropy of bfloat16 logits, computed in float32."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (128, 32000), "gpu": (8192, 50257), "small": (9, 257)}
tokens, vocabulary = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, logits, labels):
        return F.cross_entropy(logits.float(), labels)


def get_inputs():
    logits = torch.randn(tokens, vocabulary).to(torch.bfloat16)
    return [logits, torch.randint(0, vocabulary, (tokens,))]


def get_init_inputs():
    return []
