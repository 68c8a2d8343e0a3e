"""Pairs of kernels whose true ratio is known: 1 (the reference's own code) and about 1.05.

The gain is a reference that does the same piece of work 21 times where the candidate does it 20
times, and gives the same answer: every piece is one call of one compute-bound kernel on a chunk
that stays in the caches, so a piece costs what any other costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelwright.schema import Candidate

SAME, GAIN = "same", "gain"
PIECES, EXTRA = 20, 1

_SOFTMAX = """
import torch


class {model}(torch.nn.Module):
    def forward(self, x):
        return torch.softmax(x, dim=-1)


def get_inputs():
    return [torch.randn({rows}, {columns})]


def get_init_inputs():
    return []
"""

_ADD = """
import torch


class {model}(torch.nn.Module):
    def forward(self, x, y):
        return torch.relu(x + y)


def get_inputs():
    return [torch.randn({rows}, {columns}), torch.randn({rows}, {columns})]


def get_init_inputs():
    return []
"""

_PIECES = """
import torch


class {model}(torch.nn.Module):
    def forward(self, x):
        out = torch.empty_like(x)
        for i in [*range(x.shape[0]), *range({extra})]:
            torch.erf(x[i], out=out[i])
        return out


def get_inputs():
    return [torch.randn({pieces}, {length})]


def get_init_inputs():
    return []
"""


# On a GPU a piece must be longer than its launch: a product of matrices.
_PRODUCTS = """
import torch


class {model}(torch.nn.Module):
    def forward(self, x, w):
        out = torch.empty_like(x)
        for i in [*range(x.shape[0]), *range({extra})]:
            torch.mm(x[i], w, out=out[i])
        return out


def get_inputs():
    return [torch.randn({pieces}, {size}, {size}), torch.randn({size}, {size})]


def get_init_inputs():
    return []
"""


@dataclass(frozen=True)
class Kernel:
    """``source`` is the reference's file; ``candidate`` the kernel measured against it."""

    name: str
    kind: str
    source: str
    candidate: Candidate


def _kernel(name: str, kind: str, text: str, **sizes: int) -> Kernel:
    extra = EXTRA if kind == GAIN else 0
    reference = text.format(model="Model", extra=extra, **sizes)
    candidate = text.format(model="ModelNew", extra=0, **sizes)
    files = {"kernel.py": candidate.encode()}
    return Kernel(name, kind, reference, Candidate(files, "kernel.py", "cpp", "bench"))


KERNELS = {
    "cpu": (
        _kernel("softmax_1024x1024", SAME, _SOFTMAX, rows=1024, columns=1024),
        _kernel("add_relu_128x1024", SAME, _ADD, rows=128, columns=1024),
        _kernel("add_relu_2048x2048", SAME, _ADD, rows=2048, columns=2048),
        _kernel("erf_20x64k", SAME, _PIECES, pieces=PIECES, length=1 << 16),
        _kernel("erf_20_of_21x64k", GAIN, _PIECES, pieces=PIECES, length=1 << 16),
        _kernel("erf_20_of_21x256k", GAIN, _PIECES, pieces=PIECES, length=1 << 18),
    ),
    "cuda": (
        _kernel("softmax_4096x4096", SAME, _SOFTMAX, rows=4096, columns=4096),
        _kernel("add_relu_1024x1024", SAME, _ADD, rows=1024, columns=1024),
        _kernel("add_relu_8192x8192", SAME, _ADD, rows=8192, columns=8192),
        _kernel("mm_20x1024", SAME, _PRODUCTS, pieces=PIECES, size=1024),
        _kernel("mm_20_of_21x1024", GAIN, _PRODUCTS, pieces=PIECES, size=1024),
        _kernel("mm_20_of_21x1536", GAIN, _PRODUCTS, pieces=PIECES, size=1536),
    ),
}
