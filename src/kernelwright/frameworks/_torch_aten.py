"""The ATen ops that a capture understands: every family's converters in one table, what they make,
and the ops that are left whole. Needs no torch."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from kernelwright.frameworks._torch_aten_context import Converter, words

_PREFIX = "_torch_aten_"
# Ops worth more whole than in pieces: libraries have kernels for them.
WHOLE = frozenset(
    words("""conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution
scaled_dot_product_attention max_pool1d max_pool2d max_pool3d max_pool2d_with_indices
max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
adaptive_max_pool3d embedding embedding_bag index index_select gather scatter
scatter_add scatter_reduce index_put index_add index_copy index_fill masked_select
masked_scatter take take_along_dim sort argsort topk kthvalue median nanmedian mode
quantile cumsum cumprod cummax cummin logcumsumexp grid_sampler upsample_nearest1d
upsample_nearest2d upsample_nearest3d upsample_bilinear2d upsample_bicubic2d
upsample_linear1d upsample_trilinear3d im2col col2im lstm gru rnn_tanh rnn_relu
searchsorted bucketize nonzero bincount histc cdist lgamma digamma
multilabel_margin_loss""")  # torch's decomposition of the last one forgets to mask padding
)


@functools.cache
def converters() -> Mapping[str, Converter]:
    """ATen op name (without overload) -> converter, over the modules of this folder whose name
    starts with _torch_aten_ and that bind CONVERTERS."""
    table: dict[str, Converter] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not info.name.startswith(_PREFIX):
            continue
        module = importlib.import_module(f"kernelwright.frameworks.{info.name}")
        family = getattr(module, "CONVERTERS", {})
        if twice := table.keys() & family.keys():
            raise ValueError(f"converters in two families: {sorted(twice)}")
        table.update(family)
    return table


def made_by(converter: Converter, names: Collection[str]) -> tuple[str, ...]:
    """The Graph ops out of ``names`` that a converter may make, by the text in its code, in the
    functions of the converters' modules that it calls and in what it closes over."""
    found: dict[str, None] = {}
    done: set[int] = set()
    waiting: list[Any] = [converter]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            found.update({current: None} if current in names else {})
        elif isinstance(current, FunctionType) and id(current) not in done:
            done.add(id(current))
            waiting.extend(_inside(current))
    return tuple(sorted(found))


def _inside(function: FunctionType) -> Iterator[Any]:
    """Text and functions that ``function`` refers to."""
    yield from (cell.cell_contents for cell in function.__closure__ or ())
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                codes.append(constant)
            elif isinstance(constant, tuple | frozenset):
                yield from constant
            else:
                yield constant
        for name in code.co_names:
            used = function.__globals__.get(name)
            if isinstance(used, FunctionType) and _PREFIX in used.__module__:
                yield used
