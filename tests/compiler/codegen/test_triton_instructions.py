"""How many machine instructions (SASS, sm_90) a function costs an element, without any GPU.

``python -m tests.compiler.codegen.test_triton_instructions`` prints the table. A function is
compiled into a kernel that loads, computes and stores; what the kernel without it has is taken off.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kernelwright.compiler.codegen._triton_ops import binary, unary
from kernelwright.compiler.codegen._triton_prelude import FUNCTIONS, needed

pytest.importorskip("triton")

EACH = 8  # elements a thread
UNARY = "exp exp2 expm1 ln log2 log10 log1p sqrt rsqrt rec sigmoid tanh erf sin cos tan asin acos"
UNARY += " atan sinh cosh asinh acosh atanh round trunc relu sign"
BINARY = "div max pow atan2 logaddexp mod fmod floordiv copysign"
COMPOSED = {
    "float32": ("_softplus(x)", "_softplus_below(x)", "_divide_by(x, 3.0, 0.3333333432674408)"),
    "float64": ("_softplus_64(x)", "_softplus_below_64(x)"),
}

CHILD = """
import importlib.util, json, subprocess, sys
from pathlib import Path
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "nvdisasm"
TYPES = {"float32": "*fp32", "float64": "*fp64"}
for file, dtype, each in json.loads(sys.argv[1]):
    spec = importlib.util.spec_from_file_location("kernel", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["kernel"] = module
    spec.loader.exec_module(module)
    signature = dict.fromkeys(("xs", "ys", "out"), TYPES[dtype]) | {"BLOCK": "constexpr"}
    aligned = {(i,): [["tt.divisibility", 16]] for i in range(3)}
    source = ASTSource(module.k, signature, {"BLOCK": 128 * each}, aligned)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    cubin = Path(file).with_suffix(".cubin")
    cubin.write_bytes(made.asm["cubin"])
    said = subprocess.run([str(TOOL), "-c", str(cubin)], capture_output=True, text=True, check=True)
    Path(file).with_suffix(".sass").write_text(said.stdout)
"""


def kernel_text(expression: str, both: bool) -> str:
    prelude = "\n\n\n".join(FUNCTIONS[n] for n in needed(expression))
    second = "    y = tl.load(ys + at)\n" if both else ""
    return (
        f"import os\nimport triton\nimport triton.language as tl\n\n{prelude}\n\n"
        "@triton.jit\ndef k(xs, ys, out, BLOCK: tl.constexpr):\n"
        "    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n    x = tl.load(xs + at)\n"
        f"{second}    tl.store(out + at, {expression})\n"
    )


def instructions(sass: str) -> tuple[int, int, int, int]:
    """Of the straight text: all, the multi-function unit's, branches; and what stands after it
    (slow paths)."""
    found = re.findall(r"^\s+/\*[0-9a-f]+\*/\s+(@!?U?P\d+\s+)?([A-Z0-9_.]+)", sass, re.MULTILINE)
    ends = [i for i, (guard, op) in enumerate(found) if op.startswith("EXIT") and not guard]
    main = [op for _, op in found[: ends[0] + 1]]
    rest = [op for _, op in found[ends[0] + 1 :] if not op.startswith(("NOP", "BRA"))]
    special = sum(op.startswith("MUFU") for op in main)
    branches = sum(op.startswith(("BRA", "CALL", "BSSY")) for op in main)
    return len(main), special, branches, len(rest)


def costs(dtype: str) -> dict[str, tuple[float, float, float, int]]:
    """For each function: instructions, special ones, branches an element; those of slow paths."""
    cases = {op: (unary(op, "x", dtype, dtype), False) for op in UNARY.split()}
    cases |= {op: (binary(op, "x", "y", dtype, dtype), True) for op in BINARY.split()}
    cases |= {text.split("(")[0].strip("_"): (text, False) for text in COMPOSED[dtype]}
    cases |= {" one": ("x", False), " two": ("x + y", True)}
    with tempfile.TemporaryDirectory(prefix="kernelwright-sass-") as root:
        jobs = []
        for i, (text, both) in enumerate(cases.values()):
            file = Path(root) / f"k{i}.py"
            file.write_text(kernel_text(text, both))
            jobs.append((str(file), dtype, EACH))
        child = [sys.executable, "-c", CHILD, json.dumps(jobs)]
        subprocess.run(child, check=True, timeout=280, capture_output=True)
        counted = {
            name: instructions((Path(root) / f"k{i}.sass").read_text())
            for i, name in enumerate(cases)
        }
    found = {}
    for name, (total, special, branches, slow) in counted.items():
        base = counted[" two" if cases[name][1] else " one"][0]
        if not name.startswith(" "):
            found[name] = ((total - base) / EACH, special / EACH, branches / EACH, slow)
    return found


@pytest.mark.heavy
def test_float32_functions_have_no_branches_and_few_instructions() -> None:
    found = costs("float32")
    free = set(found) - {"sin", "cos", "tan", "mod", "fmod", "floordiv"}
    assert not {n for n in free if found[n][2] or found[n][3]}
    usual = free - {"pow", "atan2", "asinh", "acosh", "atanh"}
    assert max(found[n][0] for n in usual) < 30
    assert found["div"][0] < 21 and found["exp"][0] < 10 and found["tanh"][0] < 17


@pytest.mark.heavy
def test_float64_exponentials_have_no_branches() -> None:
    found = costs("float64")
    for name in ("exp", "expm1", "log1p", "sigmoid", "tanh", "softplus_64"):
        assert found[name][2] == found[name][3] == 0, name


if __name__ == "__main__":
    for kind in COMPOSED:
        for function, (count, units, jumps, outside) in costs(kind).items():
            print(f"{kind} {function:16s} {count:6.1f} {units:4.1f} {jumps:4.1f} {outside:4d}")
