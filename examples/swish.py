"""Swish, x * sigmoid(beta * x), with a learnable beta."""

import torch


class Model(torch.nn.Module):
    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = torch.nn.Parameter(torch.tensor(beta))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.beta * x)


def get_inputs() -> list:
    return [torch.randn(4096, 2048)]


def get_init_inputs() -> list:
    return [1.25]
