"""All of torch.compile that does not depend on what is compiled. A fork server that imports this
spares each of its children two seconds of work on a CPU; nothing here starts a thread or touches
CUDA."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import torch._dynamo
import torch._inductor.compile_fx

# What the first compilation imports besides, also where it finds everything compiled.
_LATE = ("torch.distributed.tensor.experimental", "torch.utils.cpp_extension")
_LATE_WHEN_COMPILING = ("sympy.physics.units",)
PROBES = "probes.json"


def _imported() -> None:
    for name in (*_LATE, *_LATE_WHEN_COMPILING):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _hashed() -> None:
    """Hashes over the sources of torch and Triton, which a cache's keys hold; both are kept."""
    codecache: Any = torch._inductor.codecache  # type: ignore[attr-defined]
    with contextlib.suppress(AttributeError, OSError):
        codecache.torch_key()
    if not torch.backends.cuda.is_built():  # it would ask for a device
        with contextlib.suppress(AttributeError, OSError):
            codecache.CacheBase.get_system()
    else:
        with contextlib.suppress(AttributeError, OSError):
            codecache.triton_key()


def keep_probes(folder: Path) -> None:
    """Has torch.compile look into ``folder`` for what this machine's C++ compiler can do and keep
    it there. Otherwise it asks that of a new process by six programs, compiled or not, that each
    start a Python. The answers are kept under torch's own mark of compiler and flags."""
    isa: Any = importlib.import_module("torch._inductor.cpu_vec_isa")
    mark = getattr(isa, "_get_isa_dry_compile_fingerprint", None)
    original = getattr(isa.VecISA, "check_build", None)
    if mark is None or original is None or hasattr(original, "kept_in"):
        return
    path = folder / PROBES
    known = _read(path)

    def check_build(self: Any, code: str) -> bool:
        text = f"{mark(self.build_arch_flags())}\0{code}"
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in known:
            known[key] = bool(original(self, code))
            with contextlib.suppress(OSError):
                path.write_text(json.dumps(known), encoding="ascii")
        return known[key]

    check_build.kept_in = path  # type: ignore[attr-defined]
    isa.VecISA.check_build = check_build


def _read(path: Path) -> dict[str, bool]:
    try:
        found = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, bool)}


_imported()
_hashed()
