"""One step of the Adam optimiser as a function of its four tensors."""

import torch
import torch.nn as nn

SIZES = {"cpu": (1024, 1024), "gpu": (8192, 8192), "small": (7, 33)}
rows, columns = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.beta1, self.beta2, self.lr, self.eps = 0.9, 0.999, 1e-3, 1e-8

    def forward(self, parameter, gradient, first, second):
        first = self.beta1 * first + (1 - self.beta1) * gradient
        second = self.beta2 * second + (1 - self.beta2) * gradient * gradient
        step = self.lr * (first / (1 - self.beta1**10))
        parameter = parameter - step / (torch.sqrt(second / (1 - self.beta2**10)) + self.eps)
        return parameter, first, second


def get_inputs():
    shape = (rows, columns)
    return [torch.randn(*shape), torch.randn(*shape), torch.randn(*shape), torch.rand(*shape)]


def get_init_inputs():
    return []
