"""``ms.compilewithjson``: what MindSpore calls to have a kernel compiled."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelwright.compat.akg.composite import driver_for
from kernelwright.errors import KernelwrightError

log = logging.getLogger(__name__)


def compilewithjson(json_str: str, attrs: Mapping[str, Any] | None = None) -> bool:
    """Compiles an info file's text to folder akg_kernel_meta (or ``attrs["kernel_meta_dir"]``).
    False when it cannot; the reason is logged as an error."""
    with tempfile.TemporaryDirectory(prefix="kernelwright-akg-") as folder:
        path = Path(folder) / "info.json"
        path.write_text(json_str, encoding="utf-8")
        return compilewithjsonname(path, attrs)


def compilewithjsonname(file_name: str | Path, attrs: Mapping[str, Any] | None = None) -> bool:
    """The same for a file."""
    try:
        driver_for(Path(file_name), attrs, (attrs or {}).get("kernel_meta_dir", "")).compile()
    except (RuntimeError, ValueError, KernelwrightError) as error:
        log.error("%s", error)
        return False
    return True
