"""Layer normalisation over the last axis, with affine weights that are not one and zero."""

import torch


class Model(torch.nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(features)
        torch.nn.init.normal_(self.norm.weight, mean=1.0, std=0.2)
        torch.nn.init.normal_(self.norm.bias, std=0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


def get_inputs() -> list:
    return [torch.randn(4096, 1024)]


def get_init_inputs() -> list:
    return [1024]
