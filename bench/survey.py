"""A quick look at every workload of the suites on a GPU: what the scheduler's first choices cost.

``kernelwright bench`` judges a kernel and takes minutes a workload; this takes seconds for all of
them together, and is for finding out where a change of the compiler helps or hurts. Nothing is
judged: outputs are compared with eager's in float64, once, and the largest difference is shown.
Several processes design and compile; one at a time uses the device for timing. Times are the
device's own: the stream is kept busy while launches are queued, and a buffer larger than the caches
is written before each call.

    python bench/survey.py out                                  # all, with eager and torch.compile
    python bench/survey.py out2 --base out/rows.jsonl           # ours again, beside those baselines
    python bench/survey.py out3 --only 'softmax_*' --tune 12    # and twelve settings of each

Writes ``rows.jsonl`` (one record a workload: times, bytes, kernels of ours and of inductor with
their times) and ``kernels/`` (what was printed), and prints a table, the worst first.
"""

from __future__ import annotations

import argparse
import copy
import fcntl
import fnmatch
import gc
import importlib.util
import json
import math
import os
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROUNDS, MOST_CALLS = 3, 12
FLUSH_ELEMENTS = 2**26  # int32: 256 MiB
CHUNK_ELEMENTS = 2**26  # compared at once: float64 copies of whole outputs would fill the device
CLOCK_HZ = 1.7e9  # of the device; how long its sleep lasts need not be exact
COPY_ELEMENTS = 2**28

Call = Callable[[], Any]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--suites", default="memory_bound,algebra")
    parser.add_argument("--size", default="gpu/8")
    parser.add_argument("--only", default="*", help="patterns of names, with commas between")
    parser.add_argument("--base", type=Path, help="rows.jsonl whose baselines are taken over")
    parser.add_argument("--tune", type=int, default=0, help="settings to try of each workload")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--seconds", type=float, default=600.0, help="no workload begins later")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, default=time.time(), help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[Any]:
    from kernelwright.bench.suite import find_suite, select

    found = [w for suite in options.suites.split(",") for w in find_suite(suite)]
    patterns = options.only.split(",")
    return [
        w
        for w in select(found)
        if any(fnmatch.fnmatch(n, p) for p in patterns for n in (w.name, w.label))
    ]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    with open(folder / "lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def times_us(folder: Path, calls: dict[str, Call]) -> dict[str, float]:
    """The least of a few rounds' medians for each call, interleaved."""
    import torch

    best = dict.fromkeys(calls, math.inf)
    with alone(folder):
        flushed = torch.empty(FLUSH_ELEMENTS, dtype=torch.int32, device="cuda")
        for _ in range(ROUNDS):
            for name, call in calls.items():
                best[name] = min(best[name], median_us(call, flushed))
    return best


def median_us(call: Call, flushed: Any) -> float:
    import torch

    call()
    torch.cuda.synchronize()
    began = time.perf_counter()
    call()
    host_s = time.perf_counter() - began
    torch.cuda.synchronize()
    one_s = time.perf_counter() - began
    count = max(3, min(MOST_CALLS, int(8e-3 / one_s) + 1))
    # While the device sleeps the host queues everything: launches then cost the device nothing.
    # The bound is for a host that stalled once, not for one that is slow.
    torch.cuda._sleep(int(min(0.1, (host_s + 3e-5) * count * 1.3) * CLOCK_HZ))
    events = []
    for _ in range(count):
        flushed.zero_()
        pair = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        pair[0].record()
        call()
        pair[1].record()
        events.append(pair)
    torch.cuda.synchronize()
    return sorted(a.elapsed_time(b) * 1e3 for a, b in events)[count // 2]


def kernels_of(folder: Path, call: Call) -> list[tuple[str, float]]:
    """Names and microseconds of what one call runs on the device."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    with alone(folder), profile(activities=[ProfilerActivity.CUDA]) as seen:
        call()
        torch.cuda.synchronize()
    events = [(e.name[:60], round(e.device_time_total, 1)) for e in seen.events()]
    return [(name, us) for name, us in events if us > 0][:12]


def imported(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tensors(result: Any) -> list[Any]:
    import torch

    if torch.is_tensor(result):
        return [result]
    parts = result.values() if isinstance(result, dict) else result
    return [t for part in parts for t in tensors(part)] if isinstance(parts, list | tuple) else []


def compared(folder: Path, found: list[Any], wanted: list[Any]) -> float:
    """``difference`` while no other process times: it reads gigabytes."""
    with alone(folder):
        return difference(found, wanted)


def difference(found: list[Any], wanted: list[Any]) -> float:
    """The largest, over the mean magnitude; infinity where a shape or an infinity differs."""
    return max((apart(one, two) for one, two in zip(found, wanted, strict=True)), default=0.0)


def apart(one: Any, two: Any) -> float:
    """What ``difference`` says of one output, chunk by chunk."""
    import torch

    if one.shape != two.shape or one.dtype != two.dtype:
        return math.inf
    worst = total = count = 0.0
    for a, b in zip(one.flatten().split(CHUNK_ELEMENTS), two.flatten().split(CHUNK_ELEMENTS)):
        if not one.dtype.is_floating_point:
            worst = max(worst, (a != b).float().mean().item())
            continue
        wide, truth = a.double(), b.double()
        finite = torch.isfinite(truth)
        if not torch.equal(torch.isfinite(wide), finite):
            return math.inf
        wide, truth = wide[finite], truth[finite]
        if truth.numel():
            worst = max(worst, (wide - truth).abs().max().item())
            total, count = total + truth.abs().sum().item(), count + truth.numel()
    return worst / (total / count + 1e-30) if count else worst


def surveyed(workload: Any, options: argparse.Namespace, base: dict[str, Any]) -> dict[str, Any]:
    """One workload's record."""
    import torch

    from kernelwright.compiler.codegen import PRINTERS
    from kernelwright.compiler.rewrite import optimize
    from kernelwright.compiler.schedule import design
    from kernelwright.frameworks import FRAMEWORKS
    from kernelwright.frameworks._torch_arrays import to_native
    from kernelwright.schema import Target

    label = f"{workload.suite}/{workload.label}"
    folder = options.out / "kernels" / label.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    source = workload.source(options.size)
    (folder / "reference.py").write_text(source)
    target = Target("cuda", "sm_90")
    task = FRAMEWORKS.get("torch").load(source, workload.name)
    values = task.make_inputs(3)
    graph = optimize(task.capture(values), target).graph
    state = [(e.name, tuple(e.array.shape), str(e.array.dtype), e.kind) for e in task.state()]
    first = design(graph, target, state=state)
    reference = imported(folder / "reference.py", "reference")
    given = reference.get_init_inputs() if hasattr(reference, "get_init_inputs") else []
    positional, named = ([], given) if isinstance(given, dict) else (given, {})
    inputs = [to_native(v, "cuda") for v in values]
    weights = {e.name: to_native(e.array, "cuda") for e in task.state()}
    model = reference.Model(*positional, **named).to("cuda")
    model.load_state_dict(weights)

    def built(made: Any, parameters: dict[str, int], tag: str) -> Any:
        candidate = PRINTERS.get("triton").print(made, target, "torch", parameters)
        place = folder / tag
        place.mkdir(exist_ok=True)
        for name, content in candidate.files.items():
            (place / name).write_bytes(content)
        (place / "design.aul").write_text(candidate.design or "")
        module = imported(place / "kernel.py", f"kernel_{tag}").ModelNew(*positional, **named)
        module.load_state_dict(weights, strict=False)
        return module.to("cuda")

    def fresh() -> list[Any]:
        return [t.clone() if torch.is_tensor(t) else t for t in inputs]

    with torch.no_grad():
        kernel = built(first, {}, "first")
        found = tensors(copy.deepcopy(kernel)(*fresh()))
        wanted = tensors(copy.deepcopy(model)(*fresh()))
        moved = [t for t in inputs if torch.is_tensor(t)] + found + list(weights.values())
        row: dict[str, Any] = {
            "label": label,
            "difference": compared(options.out, found, wanted),
            "bytes": sum(t.numel() * t.element_size() for t in moved),
        }
        del found, wanted, moved
        calls: dict[str, Call] = {"ours": lambda: kernel(*inputs)}
        if label in base:
            row |= {k: base[label][k] for k in ("eager", "compile") if k in base[label]}
        else:
            calls["eager"] = lambda: model(*inputs)
            torch._dynamo.reset()
            compiled = torch.compile(model)
            try:
                compiled(*inputs)
                calls["compile"] = lambda: compiled(*inputs)
            except Exception as error:  # noqa: BLE001  torch.compile's own limits
                row["compile_error"] = repr(error)[:200]
        row |= {k: round(us, 1) for k, us in times_us(options.out, calls).items()}
        row["kernels"] = kernels_of(options.out, calls["ours"])
        if "compile" in calls:
            row["inductor_kernels"] = kernels_of(options.out, calls["compile"])
        if options.tune:
            row |= tuned(row["ours"], first, built, inputs, options)
    return row


def tuned(
    first_us: float, first: Any, built: Any, inputs: list[Any], options: argparse.Namespace
) -> dict[str, Any]:
    """What a short pattern search over the first design's tunables comes to."""
    from kernelwright.search import SEARCHERS
    from kernelwright.task.tuning_space import tuning_space

    space = tuning_space(first, "triton")
    if space is None:
        return {}
    searcher = SEARCHERS.get("pattern")(space, seed=0)
    searcher.tell(space.start, first_us)
    best, tried = (first_us, {}), []
    for number in range(options.tune):
        point = searcher.ask()
        if point is None or time.time() - options.began > options.seconds:
            break
        try:
            kernel = built(first, dict(point), f"try{number}")
            us = times_us(options.out, {"": lambda kernel=kernel: kernel(*inputs)})[""]
        except Exception as error:  # noqa: BLE001  a setting that does not compile or launch
            us = math.inf
            tried.append((dict(point), repr(error)[:100]))
        searcher.tell(point, us)
        tried.append((dict(point), round(us, 1)))
        best = min(best, (us, dict(point)), key=lambda pair: pair[0])
    return {"tuned": round(best[0], 1), "point": best[1], "tried": tried}


def work(options: argparse.Namespace) -> None:
    """Takes workloads in turn with the other processes."""
    import torch

    base = rows(options.base) if options.base else {}
    workloads = chosen(options)
    while time.time() - options.began < options.seconds:
        with alone(options.out):
            number = int((options.out / "next").read_text())
            (options.out / "next").write_text(str(number + 1))
        if number >= len(workloads):
            return
        workload = workloads[number]
        try:
            row = surveyed(workload, options, base)
        except Exception:  # noqa: BLE001  one workload does not end the survey
            label = f"{workload.suite}/{workload.label}"
            row = {"label": label, "error": traceback.format_exc()[-800:]}
        with alone(options.out), open(options.out / "rows.jsonl", "a") as out:
            out.write(json.dumps(row) + "\n")
        gc.collect()
        torch.cuda.empty_cache()


def rows(path: Path) -> dict[str, dict[str, Any]]:
    return {r["label"]: r for r in map(json.loads, path.read_text().splitlines())}


def copy_bandwidth() -> float:
    """Bytes a second of a large copy, read and written."""
    import torch

    source = torch.randn(COPY_ELEMENTS, device="cuda")
    target = torch.empty_like(source)
    flushed = torch.empty(FLUSH_ELEMENTS, dtype=torch.int32, device="cuda")
    us = min(median_us(lambda: target.copy_(source), flushed) for _ in range(ROUNDS))
    return 8 * COPY_ELEMENTS / us * 1e6


def table(found: dict[str, dict[str, Any]], bandwidth: float) -> None:
    import torch

    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {bandwidth / 1e12:.2f} TB/s")
    done = [r for r in found.values() if "error" not in r]
    families: dict[str, list[float]] = {}
    for row in done:
        row["ratio"] = min(row[k] for k in ("eager", "compile") if k in row) / row["ours"]
        row["share"] = row["bytes"] / bandwidth * 1e6 / row["ours"]
        families.setdefault("/".join(row["label"].split("/")[:2]), []).append(row["ratio"])
    for row in sorted(done, key=lambda r: r["ratio"]):
        print(
            f"{row['label'][:60]:60s} {row['ratio']:6.2f}x of best; ours {row['ours']:8.1f} us, "
            f"eager {row['eager']:8.1f}, compile {row.get('compile', math.nan):8.1f}; "
            f"{100 * row['share']:4.0f} % of a copy's rate; difference {row['difference']:.0e}"
            + (f"; tuned {row['tuned']:.1f}" if "tuned" in row else "")
        )
    for row in found.values():
        if "error" in row:
            print(row["label"], "failed:", row["error"].strip().splitlines()[-1])
    for family, ratios in sorted(families.items()):
        print(f"{family:32s} {len(ratios):3d} workloads, {geometric_mean(ratios):.2f}x")
    if done:
        ratios = [r["ratio"] for r in done]
        shares = sorted(r["share"] for r in done)
        print(
            f"{len(done)} workloads: {geometric_mean(ratios):.2f}x of the best of eager and "
            f"torch.compile, {sum(r < 0.99 for r in ratios)} below 0.99, "
            f"median {100 * shares[len(shares) // 2]:.0f} % of a copy's rate"
        )


def geometric_mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def main() -> None:
    options = arguments()
    warnings.filterwarnings("ignore")
    if options.worker:
        work(options)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "next").write_text("0")
    (options.out / "rows.jsonl").write_text("")
    environment = {**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *sys.argv[1:], "--worker", "--began", str(options.began)]
    workers = [subprocess.Popen(command, env=environment) for _ in range(options.processes)]
    for worker in workers:
        worker.wait()
    table(rows(options.out / "rows.jsonl"), copy_bandwidth())


if __name__ == "__main__":
    main()
