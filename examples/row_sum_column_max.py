"""Two results of one matrix along different axes: each row's sum, each column's maximum."""

import torch


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(dim=1), x.amax(dim=0)


def get_inputs() -> list:
    return [torch.randn(4096, 4096)]


def get_init_inputs() -> list:
    return []
