"""``python -m kernelwright.compat.akg.benchmark``: AKG's ``akg_benchmark`` and its options.

Unlike AKG's, a wrong result is a failure here: the exit code is that of ``kernelwright run``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from kernelwright.cli.main import app
from kernelwright.compat.akg.driver import BACKENDS


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs ``kernelwright run`` with what AKG's options stand for; exits with its code."""
    parser = argparse.ArgumentParser(prog="akg_benchmark", description=__doc__)
    parser.add_argument("-e", choices=("cpu", "gpu", "ascend"), help="default: what the file says")
    parser.add_argument("-f", metavar="FILE", help="an info file")
    parser.add_argument("-d", metavar="DIR", help="a folder of info files")
    parser.add_argument("-p", "--profiling", action="store_true", help="measure too")
    parser.add_argument("-tr", "--prof_trails", type=int, default=0, help="measure when above 0")
    for name in ("-c", "-ci", "-t", "-dump", "-time", "-r", "-repo", "-af"):
        parser.add_argument(name, nargs="?", const="", help="taken without effect")
    given = parser.parse_args(arguments)
    path = given.f or given.d
    if not path:
        parser.error("give an info file (-f) or a folder of them (-d)")
    backend = BACKENDS[given.e] if given.e else _backend(Path(path))
    profile = "--profile" if given.profiling or given.prof_trails > 0 else "--no-profile"
    app(["run", path, "--backend", backend, profile], prog_name="akg_benchmark")


def _backend(path: Path) -> str:
    try:
        process = json.loads(path.read_text(encoding="utf-8"))["process"]
    except (OSError, ValueError, KeyError, TypeError):
        return "auto"
    return BACKENDS.get(process, "auto")


if __name__ == "__main__":
    main()
