"""Child process: compiles every kernel that generated candidates launch, for one GPU, without it.

``python _aot_main.py SM JOBS``. SM is 90 for sm_90. JOBS is a JSON list of [file, shapes]: the file
offers ``launches(shapes)``, and null stands for its own ``SHAPES``. Prints one JSON list, an object
a job, on the last line of standard output. Stands alone, so that it can run in a sandbox that holds
no more than Python, torch and Triton.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any


def load(path: Path, name: str) -> Any:
    """The candidate as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def as_tuples(value: Any) -> Any:
    return tuple(as_tuples(v) for v in value) if isinstance(value, list) else value


def compile_launch(launch: Any, sm: int) -> dict[str, Any]:
    """One kernel: its name, resources and texts."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel = launch.kernel
    tensors = kernel.arg_names[: len(launch.pointers)]
    constants = {k: v for k, v in launch.arguments.items() if k in kernel.arg_names}
    options = {k: v for k, v in launch.arguments.items() if k not in kernel.arg_names}
    signature = {
        **dict(zip(tensors, launch.pointers)),
        **dict.fromkeys(kernel.arg_names[len(tensors) :], "constexpr"),
    }
    # torch aligns every allocation to 16 bytes and more; Triton sees that at a real launch too.
    aligned = {(i,): [["tt.divisibility", 16]] for i in range(len(tensors))}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)
    made = triton.compile(source, target=GPUTarget("cuda", sm, 32), options=options)
    texts = {k: v for k, v in made.asm.items() if isinstance(v, str) and k in ("ttir", "ttgir")}
    ptx = made.asm["ptx"]
    return {
        "kernel": made.metadata.name,
        "arguments": {k: v for k, v in launch.arguments.items() if isinstance(v, int)},
        "num_warps": made.metadata.num_warps,
        "shared_bytes": made.metadata.shared,
        "ptx_bytes": len(ptx),
        **resources(made.asm["cubin"]),
        "asm": {**texts, "ptx": ptx},
    }


def resources(cubin: bytes) -> dict[str, int | None]:
    """Registers a thread and bytes of stack (spills), as the cuobjdump in Triton's package says."""
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    unknown: dict[str, int | None] = {"registers": None, "stack_bytes": None}
    if not tool.exists():
        return unknown
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        said = subprocess.run(
            [str(tool), "-res-usage", file.name], capture_output=True, text=True, timeout=60
        ).stdout
    registers, stack = re.search(r"REG:(\d+)", said), re.search(r"STACK:(\d+)", said)
    if registers is None or stack is None:
        return unknown
    return {"registers": int(registers.group(1)), "stack_bytes": int(stack.group(1))}


def report(module: Any, sm: int, shapes: Any) -> dict[str, Any]:
    """What the parent reads: the kernels, or the error and where it arose."""
    if not hasattr(module, "launches"):
        return {"unsupported": "the file offers no launches(shapes), so its launches are not known"}
    kernels: list[dict[str, Any]] = []
    done: set[str] = set()
    launches = module.launches(module.SHAPES if shapes is None else as_tuples(shapes))
    for launch in launches:
        name = launch.kernel.__name__
        key = f"{name} {sorted(launch.arguments.items())}"
        if key in done:
            continue
        done.add(key)
        try:
            kernels.append(compile_launch(launch, sm))
        except Exception as error:  # noqa: BLE001 - whatever Triton raises is the report
            return {"error": f"{type(error).__name__}: {error}", "kernel": name}
    return {"kernels": kernels}


def main(arguments: list[str]) -> int:
    os.environ["TRITON_INTERPRET"] = "0"
    sm, jobs = int(arguments[0]), json.loads(arguments[1])
    results = []
    for number, (file, shapes) in enumerate(jobs):
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("always")
            result = report(load(Path(file), f"candidate{number}"), sm, shapes)
        texts = {str(w.message) for w in caught if not issubclass(w.category, DeprecationWarning)}
        results.append({**result, "warnings": sorted(texts)})
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
