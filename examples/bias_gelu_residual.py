"""Bias, exact GELU and a residual: gelu(x + bias) + residual."""

import torch


class Model(torch.nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.randn(features))

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.gelu(x + self.bias) + residual


def get_inputs() -> list:
    return [torch.randn(4096, 1024), torch.randn(4096, 1024)]


def get_init_inputs() -> list:
    return [1024]
