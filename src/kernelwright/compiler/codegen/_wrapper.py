"""kernel.py: the ModelNew that runs a compiled library, readable and without Kernelwright.

The library is called libkernel.so, because Python would take a kernel.so beside kernel.py for the
module ``kernel`` itself.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from kernelwright.compiler.codegen._framework_call import (
    needs_torch,
)
from kernelwright.compiler.codegen._host import HostPlan
from kernelwright.compiler.codegen._sizes_text import sizes_function
from kernelwright.compiler.codegen._wrapper_call import CallWriter, entry, passed
from kernelwright.compiler.codegen._wrapper_text import (
    BUILD,
    LOAD,
    NUMPY_TEXTS,
    RESULTS,
    TORCH_TEXTS,
)
from kernelwright.compiler.design import Design
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import DTYPES

EMBEDDED_CONSTANT_ELEMENTS = 64


def wrapper_files(
    design: Design, plan: HostPlan, framework: str, build_flags: Sequence[str] = ()
) -> dict[str, bytes]:
    """kernel.py, and constants.npz when a constant is too large to be written in the text.

    ``build_flags``: when given, kernel.py compiles the kernel.cpp beside it if there is no library.
    ``framework`` is torch or numpy (UnsupportedError otherwise).
    """
    if framework not in ("torch", "numpy"):
        raise UnsupportedError(
            f"compiled CPU kernels speak torch or numpy, not {framework!r}; use impl_type triton"
        )
    writer = _Wrapper(design, plan, framework, build_flags)
    files = {"kernel.py": writer.text().encode()}
    if writer.large:
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **writer.large)
        files["constants.npz"] = stream.getvalue()
    return files


class _Wrapper:
    def __init__(
        self, design: Design, plan: HostPlan, framework: str, build_flags: Sequence[str]
    ) -> None:
        self.design, self.plan, self.framework = design, plan, framework
        self.build_flags = list(build_flags)
        self.texts = TORCH_TEXTS if framework == "torch" else NUMPY_TEXTS
        self.constants: dict[str, str] = {}  # constant -> its expression
        self.large: dict[str, np.ndarray] = {}
        self.writer = CallWriter(design, plan, framework, self.constants)
        self.calls = self.writer.calls

    # ---- the file ----------------------------------------------------------------------------

    def text(self) -> str:
        constants = [self._constant(k, v) for k, v in self._used_constants()]
        parts = [
            f'"""{self._title()}"""',
            self._imports(),
            "FOLDER = Path(__file__).resolve().parent",
            LOAD.replace("@BUILD@", self._build()),
            *([self._symbols()] if self.plan.segments else []),
            *constants,
            sizes_function(self.design, self.plan) if self.plan.numbers else "",
            self._state_table(),
            *self._support(),
            self._model(),
        ]
        return "\n\n".join(p.strip("\n") for p in parts if p).rstrip() + "\n"

    def _title(self) -> str:
        doc = (self.design.program.doc or self.plan.name).strip().replace('"""', "'''")
        return (
            f"{doc}\n\nCompiled from the source beside this file; needs only {self.texts.needs}.\n"
        )

    def _imports(self) -> str:
        lines = ["import ctypes", *(["import functools"] if self.plan.numbers else [])]
        lines.append("from pathlib import Path")
        lines += ["from struct import Struct", ""] if self.plan.segments else [""]
        if self._uses_bfloat16() and self.framework == "numpy":
            lines.append("import ml_dtypes")
        lines.append("import numpy as np")
        if self.framework == "torch" or any(needs_torch(c) for c in self.calls):
            lines.append("import torch")
        return "\n".join(lines)

    def _uses_bfloat16(self) -> bool:
        state = any(dtype == "bfloat16" for _, _, dtype, _ in self.design.state)
        return state or any(b.dtype == "bfloat16" for b in self.plan.buffers.values())

    def _build(self) -> str:
        return BUILD.replace("@FLAGS@", " ".join(self.build_flags)) if self.build_flags else ""

    def _symbols(self) -> str:
        lines = []
        lines.append("# ctypes passes bytes as a pointer to them: here to addresses, a void**.")
        extra = len(self.plan.numbers)
        counts = {len(passed(self.plan, s)) + extra for s in self.plan.segments}
        lines += [f'_pack{n} = Struct("{n}P").pack' for n in sorted(counts)]
        lines += [f"{entry(s)} = _library.{s.symbol}" for s in self.plan.segments]
        return "\n".join(lines)

    def _state_table(self) -> str:
        if not self.design.state:
            return ""
        rows = [f"    ({n!r}, {s!r}, {self.dtype(d)}, {k!r})," for n, s, d, k in self.design.state]
        return "\n".join(
            ["# name, shape, dtype, kind: the Model's own names", "STATE = [", *rows, "]"]
        )

    def _support(self) -> list[str]:
        parts = [self.texts.check]
        if self.design.state:
            parts.append(self.texts.state)
        if self.plan.prepare:
            parts.append(self.texts.seen)
        if self.calls:
            parts.append(RESULTS)
        if self.framework == "numpy" and any(needs_torch(c) for c in self.calls):
            parts.append(self.texts.through_torch)
        return parts

    def dtype(self, name: str) -> str:
        return self.texts.dtype(name)

    # ---- constants ---------------------------------------------------------------------------

    def _used_constants(self) -> list[tuple[str, np.ndarray]]:
        used = [b for b in self.design.bindings if b.source == "constant"]
        return [(str(b.key), self.design.constants[str(b.key)]) for b in used]

    def _constant(self, key: str, array: np.ndarray) -> str:
        name = f"CONSTANT_{len(self.constants)}"
        self.constants[key] = name
        dtype = next(n for n, k in DTYPES.items() if k == array.dtype)
        plain = array.astype(np.float32) if dtype == "bfloat16" else array
        if array.size <= EMBEDDED_CONSTANT_ELEMENTS and _finite(plain):
            source = f"np.array({plain.tolist()!r})"
        else:
            self.large[name] = plain  # .npz has no bfloat16
            source = f'np.load(FOLDER / "constants.npz")[{name!r}]'
        kind = f'"{plain.dtype.name}"'
        text = f"np.ascontiguousarray({source}, dtype={kind}).reshape({array.shape!r})"
        if self.framework == "torch":
            text = f"torch.from_numpy({text}).to({self.dtype(dtype)})"
        elif dtype == "bfloat16":
            text = f"{text}.astype({self.dtype(dtype)})"
        return f"{name} = {text}"

    # ---- the class ---------------------------------------------------------------------------

    def _model(self) -> str:
        base = "(torch.nn.Module)" if self.framework == "torch" else ""
        lines = [f"class ModelNew{base}:", "    def __init__(self, *args, **kwargs):"]
        body = ["super().__init__()"] if self.framework == "torch" else []
        if self.design.state:
            body.append("for name, shape, dtype, kind in STATE:")
            body.append("    _add_state(self, name, shape, dtype, kind)")
        if self.plan.prepare:
            body.append("self._prepared = (None,)")
        lines += [f"        {line}" for line in body or ["pass"]]
        lines += self.texts.entry
        if self.plan.prepare:
            lines += ["", "    def prepare(self):"]
            lines += [f"        {line}" for line in self.writer.prepare()]
        arguments = ", ".join(["self", *self.writer.arguments])
        lines += ["", f"    def {self.texts.call}({arguments}):"]
        lines += [f"        {line}" for line in self.writer.forward()]
        return "\n" + "\n".join(lines)


def _finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
