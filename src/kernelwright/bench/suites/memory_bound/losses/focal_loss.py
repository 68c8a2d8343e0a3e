"""Focal loss of logits, written out."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (1024, 1024), "gpu": (8192, 8192), "small": (7, 33)}
batch_size, dim = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, alpha, gamma):
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma

    def forward(self, logits, labels):
        ce = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        p = torch.sigmoid(logits)
        p_t = p * labels + (1 - p) * (1 - labels)
        loss = ce * ((1 - p_t) ** self.gamma)
        alpha_t = self.alpha * labels + (1 - self.alpha) * (1 - labels)
        return (alpha_t * loss).mean()


def get_inputs():
    return [torch.randn(batch_size, dim), torch.randint(0, 2, (batch_size, dim)).float()]


def get_init_inputs():
    return [0.25, 2]
