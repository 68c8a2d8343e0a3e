"""Runs a command as an ordinary user: ``python as_user.py FOLDER COMMAND...``, started by root.

FOLDER becomes its home. Folders of root's that hold the Python in use are shown to it in a mount
namespace of its own, read-only for a user who owns nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import kernelwright
from kernelwright.sandbox import jail
from kernelwright.sandbox.bubblewrap import python_paths

USER = 54321


def show(needed: list[Path]) -> None:
    """Mounts what stands below folders that only root may pass at the same places again."""
    jail.unshare(jail.CLONE_NEWNS)
    jail.mount(None, "/", None, jail.MS_REC | jail.MS_PRIVATE)
    closed: dict[Path, list[tuple[Path, int]]] = {}
    for path in needed:
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o1:
                closed.setdefault(folder, []).append((path, os.open(path, os.O_PATH)))
                break
    for folder, paths in closed.items():
        jail.mount("tmpfs", str(folder), "tmpfs", 0, "mode=755")
        for path, fd in paths:
            path.mkdir(parents=True, exist_ok=True)
            jail.mount(f"/proc/self/fd/{fd}", str(path), None, jail.MS_BIND | jail.MS_REC)
            os.close(fd)


def main() -> None:
    folder, *command = sys.argv[1:]
    package = Path(kernelwright.__file__).parent
    tests = Path(__file__).parents[2]
    show([*map(Path, python_paths()), package.parent, tests])
    os.chown(folder, USER, USER)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    os.chdir(folder)
    os.environ.update(HOME=folder, USER="somebody", TMPDIR=folder)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
