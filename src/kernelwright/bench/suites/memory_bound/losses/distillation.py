"""Distillation: KL divergence of softened logits of a student and a teacher."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZES = {"cpu": (64, 32000), "gpu": (4096, 32000), "small": (7, 257)}
tokens, vocabulary = SIZES["cpu"]


class Model(nn.Module):
    def __init__(self, temperature):
        super().__init__()
        self.temperature = temperature

    def forward(self, student, teacher):
        log_p = F.log_softmax(student / self.temperature, dim=-1)
        log_q = F.log_softmax(teacher / self.temperature, dim=-1)
        loss = F.kl_div(log_p, log_q, log_target=True, reduction="sum")
        return loss * self.temperature**2 / student.shape[0]


def get_inputs():
    return [torch.randn(tokens, vocabulary), torch.randn(tokens, vocabulary)]


def get_init_inputs():
    return [2.0]
