"""A compiled kernel as a Python file that the judge, and anybody without Kernelwright, can run."""

from __future__ import annotations

from collections.abc import Sequence

from kernelwright.runtime.free_sizes import FreeSizes
from kernelwright.runtime.signature import Signature

_TEXT = '''"""@NAME@ out of @LIBRARY@, which stands beside this file; needs only Python and NumPy.
"""

import ctypes
from pathlib import Path

@IMPORT@import numpy as np

FOLDER = Path(__file__).resolve().parent
INPUTS = @INPUTS@
OUTPUTS = @OUTPUTS@
FAKE = @FAKE@  # outputs that are not there
WRITTEN = @WRITTEN@  # inputs that the kernel changes


def _load():
    path = FOLDER / "@LIBRARY@"
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        ctypes.CDLL("libgomp.so.1", mode=ctypes.RTLD_GLOBAL)  # for a library linked without it
        return ctypes.CDLL(str(path))


_function = _load().@NAME@
_function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_function.restype = ctypes.c_int


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(n in (-1, m) for n, m in zip(wanted, shape))


@SHAPES@


def kernel(*inputs):
    if len(inputs) != len(INPUTS):
        raise TypeError(f"@NAME@ takes {len(INPUTS)} inputs, not {len(inputs)}")
    for place, (given, (dtype, shape)) in enumerate(zip(inputs, INPUTS)):
        if given.dtype != dtype or not _fits(given.shape, shape):
            wanted = f"{np.dtype(dtype).name}{list(shape)}"
            raise TypeError(f"input {place}: expected {wanted}, got {given.dtype}{given.shape}")
    flat = [x if x.flags.c_contiguous else np.ascontiguousarray(x) for x in inputs]
    sizes, shapes = _sizes([x.shape for x in flat])
    made = [np.empty(shape, dtype) for (dtype, _), shape in zip(OUTPUTS, shapes)]
    addresses = [x.ctypes.data for x in (*flat, *made)]
    for place in FAKE:
        addresses.insert(len(INPUTS) + place, 0)
    pointers = (ctypes.c_void_p * max(1, len(addresses)))(*addresses)
    given = (ctypes.c_int64 * max(1, len(sizes)))(*sizes)
    if _function(ctypes.addressof(pointers), ctypes.addressof(given)) != 0:
        raise MemoryError("@NAME@: no memory for the workspaces")
    for place in WRITTEN:
        if flat[place] is not inputs[place]:
            np.copyto(inputs[place], flat[place])
    results = made or [inputs[place] for place in WRITTEN]
    return results[0] if len(results) == 1 else tuple(results)
'''


def kernel_file(signature: Signature, sizes: FreeSizes | None, library: str) -> str:
    """The text of a module with ``kernel(*inputs)`` on NumPy arrays, which finds ``library`` (a
    file name) beside itself."""
    tensors = (*signature.inputs, *signature.real)
    values = {
        "IMPORT": "import ml_dtypes\n" if any(d == "bfloat16" for d, _ in tensors) else "",
        "INPUTS": _table(signature.inputs),
        "OUTPUTS": _table(signature.real),
        "FAKE": repr(tuple(sorted(signature.fake))),
        "WRITTEN": repr(tuple(signature.written)),
        "SHAPES": _shapes(signature, sizes),
        "LIBRARY": library,
        "NAME": signature.name,
    }
    text = _TEXT
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _shapes(signature: Signature, sizes: FreeSizes | None) -> str:
    """``_sizes(shapes)``: what the library takes beside its arguments, and the outputs' shapes."""
    head = ["def _sizes(shapes):"]
    if sizes is None:
        return "\n".join([*head, "    return (), [shape for _, shape in OUTPUTS]"])
    lines = [f"{s['name']} = shapes[{s['input']}][{s['axis']}] // {s['per']}" for s in sizes.sizes]
    for place, texts in enumerate(sizes.inputs):
        if texts is not None:
            lines.append(f"if tuple(shapes[{place}]) != {_tuple(texts)}:")
            lines.append(f'    raise ValueError(f"input {place} does not fit: {{shapes}}")')
    for text, most in sizes.limits:
        lines.append(f"if {text} > {most}:")
        lines.append(f'    raise ValueError(f"at most {most} fit on chip, not {{{text}}}")')
    outputs = ", ".join(_tuple(texts) for texts in sizes.outputs if texts is not None)
    names = _tuple([s["name"] for s in sizes.sizes])
    lines.append(f"return {names}, [{outputs}]")
    return "\n".join([*head, *(f"    {line}" for line in lines)])


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _table(tensors: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    rows = [f"    ({_dtype(dtype)}, {tuple(shape)!r})," for dtype, shape in tensors]
    return "\n".join(["[", *rows, "]"]) if rows else "[]"


def _dtype(name: str) -> str:
    """The judge has unsigned tensors as the signed ones of the same bits (uint8 is its own)."""
    if name == "bfloat16":
        return "ml_dtypes.bfloat16"
    return f'"{name[1:] if name in ("uint16", "uint32", "uint64") else name}"'
