"""Build products on disk, found again by the hash of all that they came from."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs


def default_folder() -> Path:
    """Where build products are kept: ``builds`` in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("kernelwright")) / "builds"


def cached(
    parts: tuple[str, ...], suffix: str, build: Callable[[], bytes], folder: Path | None = None
) -> bytes:
    """What ``build()`` gives, or gave earlier for the same ``parts`` on the same kind of CPU.

    ``parts`` must name everything that the product depends on (source, flags, compiler version).
    A folder that cannot be written costs only time: the product is then not kept.
    """
    digest = hashlib.sha256()
    for part in (*parts, cpu_identity()):
        digest.update(part.encode() + b"\0")
    path = (folder or default_folder()) / f"{digest.hexdigest()[:40]}{suffix}"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    product = build()
    with contextlib.suppress(OSError):
        _write(path, product)
    return product


def _write(path: Path, product: bytes) -> None:
    """A reader sees the whole file or none: written beside it, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(product)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


@functools.lru_cache(maxsize=1)
def cpu_identity() -> str:
    """The CPU's model and instruction sets, as far as the system tells."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        wanted = ("model name", "flags", "Features", "CPU part")
        return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))
    return f"{platform.machine()} {platform.processor()}"
