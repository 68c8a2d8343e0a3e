"""MindSpore GraphKernel info files: a fused kernel as JSON.

The reference is the NumPy meaning of the Graph that the file describes, and kernels speak NumPy:
``def kernel(*inputs)`` or ``class ModelNew`` on arrays in the file's order.
"""

from __future__ import annotations

import dataclasses

from kernelwright.frameworks._base import Framework, LoadedModel
from kernelwright.frameworks.numpy import FRAMEWORK as NUMPY


def load(source: str, path: str) -> LoadedModel:
    """The kernel of the info JSON ``source``; ``path`` is its name in messages. Raises
    ReferenceBroken with one message: the file, the op, the field, and what to do."""
    from kernelwright.frameworks.graphkernel.model import GraphKernelModel

    return GraphKernelModel(source, path)


FRAMEWORK: Framework = dataclasses.replace(
    NUMPY, name="graphkernel", load=load, kernels_speak="numpy"
)
