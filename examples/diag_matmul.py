"""A diagonal matrix times a dense one, plus a dense one: diag(A) @ B + D."""

import torch

N = M = 1024


class Model(torch.nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        return torch.diag(a) @ b + d


def get_inputs() -> list:
    return [torch.randn(N), torch.randn(N, M), torch.randn(N, M)]


def get_init_inputs() -> list:
    return []
