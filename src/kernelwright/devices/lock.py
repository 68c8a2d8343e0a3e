"""A lock that keeps two Kernelwright processes from timing on one device at the same time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelwright.errors import ConfigError, KernelwrightError

_POLL_S = 0.05


class DeviceBusy(KernelwrightError):
    """Another process kept the device for longer than the caller would wait."""


@contextmanager
def device_lock(
    backend: str,
    index: int,
    state_dir: Path,
    *,
    timeout_s: float = 600.0,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Holds the lock of one device while the block runs.

    The lock is a file in ``state_dir/locks``; the kernel drops it when its holder dies, so a
    killed run leaves nothing to clean up. It also excludes other threads of this process, and it
    cannot be taken twice by one. ``on_wait`` gets one line when the lock is not free at once.
    Raises DeviceBusy after ``timeout_s``, ConfigError when the folder cannot be written.
    """
    path = state_dir / "locks" / f"{backend}-{index}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ConfigError(
            f"cannot write the lock file {path}: {error.strerror}; set state_dir to a folder "
            "that can be written"
        ) from error
    try:
        _take(handle, path, timeout_s, on_wait)
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: Path, timeout_s: float, on_wait: Callable[[str], None] | None) -> None:
    deadline = time.monotonic() + timeout_s
    waiting = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(path)
            if time.monotonic() >= deadline:
                raise DeviceBusy(
                    f"device {path.stem} is still held by {holder} after {timeout_s:g} s; "
                    "wait for it to end or give another device"
                ) from error
            if not waiting and on_wait is not None:
                on_wait(f"waiting for device {path.stem}, held by {holder}")
            waiting = True
            time.sleep(_POLL_S)
        else:
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            return


def _holder(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    return f"process {text}" if text.isdigit() else "another process"
