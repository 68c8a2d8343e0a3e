"""A one-hot matrix made by scattering ones, with smoothing."""

import torch
import torch.nn as nn

SIZES = {"cpu": (9216, 1000), "gpu": (262144, 2048), "small": (17, 33)}
batch_size, classes = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def forward(self, labels):
        out = torch.full((labels.shape[0], self.classes), 0.1 / self.classes, device=labels.device)
        return out.scatter(1, labels.unsqueeze(1), 0.9)


def get_inputs():
    return [torch.randint(0, classes, (batch_size,))]


def get_init_inputs():
    return [classes]
