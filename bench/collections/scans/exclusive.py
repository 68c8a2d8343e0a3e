import torch
import torch.nn as nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        pass

    def forward(self, x):
        c = torch.cat((torch.zeros_like(x.select(1, 0).unsqueeze(1)), x), dim=1)[:, :-1]
        return torch.cumsum(c, dim=1)


def get_inputs():
    return [torch.rand(8192, 32768)]


def get_init_inputs():
    return []
