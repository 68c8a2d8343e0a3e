"""Reconstruction and the divergence from a normal prior."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (4096, 3072, 128), "gpu": (120832, 3072, 256), "small": (7, 33, 5)}
batch_size, pixels, latent = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, reconstruction, x, mean, log_var):
        error = F.mse_loss(reconstruction, x, reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return (error + divergence) / x.shape[0]


def get_inputs():
    images = [torch.rand(batch_size, pixels), torch.rand(batch_size, pixels)]
    return [*images, torch.randn(batch_size, latent), torch.randn(batch_size, latent)]


def get_init_inputs():
    return []
