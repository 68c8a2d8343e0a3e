"""ReLU of a wide float16 array."""

import torch


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


def get_inputs() -> list:
    return [torch.randn(16, 16384, dtype=torch.float16)]


def get_init_inputs() -> list:
    return []
