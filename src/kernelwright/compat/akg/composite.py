"""``composite.build``: a kernel from an info file's content."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelwright.compat.akg.driver import MlirDriver
from kernelwright.runtime.kernel import Kernel

_BACKENDS = {"cuda": "cuda", "aicore": "ascend", "cpu": "cpu"}


def build(
    desc: str | Mapping[str, Any],
    attrs: Mapping[str, Any] | None = None,
    poly: bool = True,
    use_repo: bool = True,
) -> Kernel:
    """The kernel of an info file's content (JSON text or object), for the backend that its
    ``process`` or ``attrs["target"]`` names. ``poly`` and ``use_repo`` have no effect.
    Raises RuntimeError with the reason."""
    content = desc if isinstance(desc, str) else json.dumps(desc)
    with tempfile.TemporaryDirectory(prefix="kernelwright-akg-") as folder:
        path = Path(folder) / "info.json"
        path.write_text(content, encoding="utf-8")
        driver = driver_for(path, attrs, Path(folder) / "out")
        driver.compile()
        return driver.kernel  # the library stays mapped when its file is gone


def driver_for(
    path: Path, attrs: Mapping[str, Any] | None = None, out: str | Path = ""
) -> MlirDriver:
    """A driver for the backend that the file asks for; AKG's own default is cuda."""
    asked = (attrs or {}).get("target") or _process(path)
    backend = _BACKENDS.get(str(asked), str(asked))
    return MlirDriver("", path, out, arch="auto", backend=backend)


def _process(path: Path) -> str:
    """What the file names; a file that cannot be read is complained of by the compiler."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return str(found.get("process") or "cuda")
    except (OSError, ValueError, AttributeError):
        return "cpu"
