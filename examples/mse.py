"""Mean squared error of two matrices: a scalar."""

import torch


class Model(torch.nn.Module):
    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return torch.mean((prediction - target) ** 2)


def get_inputs() -> list:
    return [torch.randn(4096, 4096), torch.randn(4096, 4096)]


def get_init_inputs() -> list:
    return []
