"""Runs kernels that were lowered for a GPU on the CPU, thread by thread, to see what they compute.

What runs is the very LLVM IR that PTX is made of, with the device's own operations (thread numbers,
barriers, shuffles) taken over by a small C library. A thread of a block is a coroutine: at a
barrier or shuffle it waits until all others have come as far. Blocks run one after the other.
"""

from __future__ import annotations

import ctypes
import functools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.compiler.stages import llvm, nvptx
from kernelwright.compiler.stages.mlir_provider import provider
from kernelwright.errors import CompileError
from kernelwright.runtime.free_sizes import FreeSizes
from kernelwright.runtime.launches import Launch, Launches
from kernelwright.runtime.signature import Signature, numpy_dtype

_C = r"""
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>
#define MOST 1024
#define STACK (128 * 1024)
static ucontext_t home, at[MOST];
static char *stacks;
static int now, block, finished[MOST];
static unsigned turn[MOST];
static uint32_t slot[2][MOST];
static void (*body)(void **);
static void **given;
int kw_tid(void) { return now; }
int kw_ctaid(void) { return block; }
void kw_barrier(int number) { swapcontext(&at[now], &home); }
int32_t kw_bfly_i(int members, int32_t value, int mask, int clamp) {
  int me = now;
  unsigned t = turn[me]++ & 1;
  slot[t][me] = (uint32_t)value;
  swapcontext(&at[me], &home);
  return (int32_t)slot[t][me ^ mask];
}
float kw_bfly_f(int members, float value, int mask, int clamp) {
  union { float f; int32_t i; } u;
  u.f = value;
  u.i = kw_bfly_i(members, u.i, mask, clamp);
  return u.f;
}
static void thread(void) { body(given); finished[now] = 1; }
void kw_launch(void (*f)(void **), void **arguments, int blocks, int threads) {
  if (!stacks) stacks = malloc((size_t)MOST * STACK);
  body = f; given = arguments;
  for (block = 0; block < blocks; block++) {
    int left = threads;
    for (int i = 0; i < threads; i++) {
      getcontext(&at[i]);
      at[i].uc_stack.ss_sp = stacks + (size_t)i * STACK;
      at[i].uc_stack.ss_size = STACK;
      at[i].uc_link = &home;
      makecontext(&at[i], thread, 0);
      finished[i] = 0; turn[i] = 0;
    }
    while (left)
      for (int i = 0; i < threads; i++)
        if (!finished[i]) {
          now = i;
          swapcontext(&home, &at[i]);
          if (finished[i]) left--;
        }
  }
}
"""
_CALLS = {
    "llvm.nvvm.read.ptx.sreg.tid.x": "kw_tid",
    "llvm.nvvm.read.ptx.sreg.ctaid.x": "kw_ctaid",
    "llvm.nvvm.barrier.cta.sync.aligned.all": "kw_barrier",
    "llvm.nvvm.shfl.sync.bfly.i32": "kw_bfly_i",
    "llvm.nvvm.shfl.sync.bfly.f32": "kw_bfly_f",
}


@functools.lru_cache(maxsize=1)
def _runtime() -> Any:
    folder = Path(tempfile.mkdtemp(prefix="kernelwright-emulation-"))
    try:
        source, library = folder / "threads.c", folder / "threads.so"
        source.write_text(_C)
        command = ["cc", "-O1", "-shared", "-fPIC", str(source), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CompileError("the emulation's threads", " ".join(command), done.stderr)
        return ctypes.CDLL(str(library))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def host_ir(device: str) -> str:
    """LLVM IR for this machine that does what ``device``'s kernels do, with a function
    ``call_K(void** arguments)`` for each."""
    kernels = re.findall(r"define ptx_kernel void @(\w+)\((.*)\)", device)
    text = re.sub(r"internal addrspace\(3\) global", "global", device)
    text = re.sub(r"addrspacecast \(ptr addrspace\(\d\) (@[\w.]+) to ptr\)", r"\1", text)
    text = re.sub(r" addrspace\(\d\)", "", text).replace("ptx_kernel ", "")
    text = re.sub(r"\bbfloat\b", "i16", text)  # which is only moved, and has functions of C else
    text = re.sub(r"\b0xR([0-9A-F]{4})", lambda m: str(int(m[1], 16)), text)
    for old, new in _CALLS.items():
        text = text.replace(f"@{old}(", f"@{new}(")
    text = re.sub(r"^attributes #\d+ = \{.*convergent.*\}$", _plain, text, flags=re.MULTILINE)
    for name, parameters in kernels:
        text += _call(name, [p.split()[0] for p in parameters.split(",")])
    return text


def _plain(match: re.Match[str]) -> str:
    return match[0].partition("{")[0] + "{ nounwind }"


def _call(name: str, types: Sequence[str]) -> str:
    lines = [f"define void @call_{name}(ptr %arguments) {{"]
    values = []
    for i, type in enumerate(types):
        lines.append(f"  %p{i} = getelementptr ptr, ptr %arguments, i64 {i}")
        lines.append(f"  %a{i} = load ptr, ptr %p{i}")
        if type == "ptr":
            values.append(f"ptr %a{i}")
        else:
            lines.append(f"  %v{i} = ptrtoint ptr %a{i} to {type}")
            values.append(f"{type} %v{i}")
    return "\n".join([*lines, f"  call void @{name}({', '.join(values)})", "  ret void", "}", ""])


class EmulatedKernel:
    """K_nvvm.mlir with its K.json as ``kernel(*inputs)`` on NumPy arrays; see ``runtime.kernel``.

    ``static``: of a kernel for free sizes, the one whose blocks do a tile each."""

    def __init__(self, nvvm: str, about: Mapping[str, Any], static: bool = False) -> None:
        binding = llvm.llvm_binding()
        self.signature, self.static = Signature.of(about), static
        self._launches, self._sizes = Launches(about), FreeSizes.of(about)
        runtime = _runtime()
        for name in _CALLS.values():
            address = ctypes.cast(getattr(runtime, name), ctypes.c_void_p).value
            binding.add_symbol(name, address)
        module = llvm.parsed(host_ir(nvptx.device_ir(nvvm, provider())))
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(),
            opt=1,
        )  # fmt: skip
        self._engine = binding.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()

    @staticmethod
    def of(files: Mapping[str, Path], static: bool = False) -> EmulatedKernel:
        """Of the files that ``compile_kernel`` wrote."""
        about = json.loads(files[".json"].read_text())
        return EmulatedKernel(files["_nvvm.mlir"].read_text(), about, static)

    def __call__(self, *inputs: np.ndarray) -> Any:
        """The outputs, or the inputs written to where all outputs are fake."""
        sizes: dict[str, int] = {}
        shapes = [shape for _, shape in self.signature.outputs]
        real = [i for i in range(len(shapes)) if i not in self.signature.fake]
        if self._sizes is not None:
            sizes = self._sizes.values(self.signature.name, [x.shape for x in inputs])
            for i in real:
                shapes[i] = self._sizes.output(i, sizes)
        made = [_poisoned(self.signature.outputs[i][0], shapes[i]) for i in real]
        rest = iter(made)
        outputs = [
            np.zeros(0) if i in self.signature.fake else next(rest)
            for i in range(len(self.signature.outputs))
        ]
        workspaces = [_poisoned("uint8", (n,)) for n in self._launches.workspaces(sizes)]
        self._launch([*inputs, *outputs, *workspaces], self._launches.run(sizes, self.static))
        return self.signature.given_back(inputs, made)

    def _launch(self, arguments: Sequence[np.ndarray], launches: Sequence[Launch]) -> None:
        for launch in launches:
            addresses = [*(a.ctypes.data for a in arguments), *launch.scalars]
            pointers = (ctypes.c_void_p * max(1, len(addresses)))(*addresses)
            entry = self._engine.get_function_address(f"call_{launch.entry}")
            _runtime().kw_launch(ctypes.c_void_p(entry), pointers, launch.grid[0], launch.block[0])


def _poisoned(dtype: str, shape: Sequence[int]) -> np.ndarray:
    """Memory that nobody has written to: NaN as a float, a large number as an integer."""
    kind = numpy_dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    raw = np.full(count * kind.itemsize + 64, 0x7F if dtype == "bool" else 0xFF, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count * kind.itemsize].view(kind).reshape(shape)
