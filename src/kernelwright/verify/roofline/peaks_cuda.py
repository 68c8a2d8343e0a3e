"""Child process that measures one GPU through torch and prints one JSON line.

python -m kernelwright.verify.roofline.peaks_cuda INDEX
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

_RUNS = 9


def _event_seconds(call: Callable[[], object], runs: int = _RUNS) -> float:
    """The shortest of several runs between CUDA events, after two that warm up."""
    import torch

    times = []
    for run in range(runs + 2):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        if run >= 2:
            times.append(start.elapsed_time(end) * 1e-3)
    return min(times)


def _memory_rates(device: str, free_bytes: int, l2_bytes: int) -> dict[str, float]:
    """Bytes per second to and from memory: a copy (read plus written), a read and a write."""
    import torch

    size = min(2 << 30, free_bytes // 4, max(64 * l2_bytes, 256 << 20)) // 4
    a = torch.randn(size, device=device)
    b = torch.empty_like(a)
    rates = {
        "copy": 8 * size / _event_seconds(lambda: b.copy_(a)),
        "read": 4 * size / _event_seconds(lambda: a.sum()),
        "write": 4 * size / _event_seconds(lambda: b.fill_(1.0)),
    }
    return rates


def _l2_rate(device: str, l2_bytes: int) -> float:
    """Bytes per second of copies that stay in half of the L2, many in one graph replay."""
    import torch

    size, copies = max(1 << 18, l2_bytes // 4 // 4), 64
    a, b = torch.randn(size, device=device), torch.empty(size, device=device)
    b.copy_(a)
    torch.cuda.synchronize(device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(copies):
            b.copy_(a)
    return copies * 8 * size / _event_seconds(graph.replay)


def _matmul_rate(device: str, dtype: Any, size: int) -> float:
    import torch

    # Random data: products of zeros draw less power and run faster than any real ones.
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty(size, size, device=device, dtype=dtype)
    return 2 * size**3 / _event_seconds(lambda: torch.mm(a, b, out=out), 7)


def measure(index: int) -> dict[str, Any]:
    """What ``Peaks.from_dict`` takes, less the name."""
    import torch

    device = f"cuda:{index}"
    torch.cuda.set_device(index)
    properties = torch.cuda.get_device_properties(index)
    l2 = int(getattr(properties, "L2_cache_size", 0)) or 32 << 20
    memory = _memory_rates(device, torch.cuda.mem_get_info(index)[0], l2)
    torch.backends.cuda.matmul.allow_tf32 = False
    flops = {
        "float16": _matmul_rate(device, torch.float16, 8192),
        "bfloat16": _matmul_rate(device, torch.bfloat16, 8192),
        "float64": _matmul_rate(device, torch.float64, 4096),
    }
    plain = _matmul_rate(device, torch.float32, 8192)
    torch.backends.cuda.matmul.allow_tf32 = True
    tf32 = _matmul_rate(device, torch.float32, 8192)
    # A float32 product may honestly be split into 3 TF32 or 6 bfloat16 products.
    flops["float32"] = max(plain, tf32 / 3, flops["bfloat16"] / 6)
    best = max(memory.values())
    return {
        "bandwidth": [[l2, max(_l2_rate(device, l2), best)], [0, best]],
        "flops": flops,
        "last_level_bytes": l2,
        "derived": [],
        "details": {
            "memory": memory,
            "float32_plain": plain,
            "tf32": tf32,
            "multiprocessors": properties.multi_processor_count,
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
        },
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
