"""A gated feature map pooled over its sequence with a mask."""

import torch
import torch.nn as nn

SIZES = {"cpu": (8, 256, 1024), "gpu": (64, 1024, 2048), "small": (2, 7, 33)}
batch_size, length, hidden = SIZES["cpu"]


class Model(nn.Module):
    def forward(self, x, gate, lengths):
        keep = torch.arange(x.shape[1], device=x.device)[None, :] < lengths[:, None]
        h = torch.tanh(x) * torch.sigmoid(gate)
        h = h * keep.unsqueeze(-1)
        return h.sum(dim=1) / lengths.unsqueeze(1)


def get_inputs():
    shape = (batch_size, length, hidden)
    lengths = torch.randint(1, length + 1, (batch_size,))
    return [torch.randn(*shape), torch.randn(*shape), lengths]


def get_init_inputs():
    return []
