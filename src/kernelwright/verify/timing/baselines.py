"""What a candidate is measured against: the reference as its framework runs it.

A baseline is a function of the framework's name and the reference as a callable; it gives a
callable. It runs in the timing worker and may raise: a baseline that fails is reported, not fatal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.errors import UnknownNameError, UnsupportedError

Make = Callable[[str, Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Baseline:
    """``frameworks`` and ``backends`` say where it exists (empty: everywhere), ``compiles`` whether
    its first call runs compilers, ``slow`` whether that takes minutes ("auto" leaves it out)."""

    make: Make
    frameworks: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    compiles: bool = False
    slow: bool = False

    def exists(self, framework: str, backend: str) -> bool:
        here = not self.frameworks or framework in self.frameworks
        return here and (not self.backends or backend in self.backends)


def _eager(framework: str, call: Callable[..., Any]) -> Callable[..., Any]:
    return call


def _compiled(mode: str | None) -> Make:
    def make(framework: str, call: Callable[..., Any]) -> Callable[..., Any]:
        _need_torch(framework, "torch.compile")
        import torch

        compiled: Callable[..., Any] = torch.compile(call, mode=mode)
        return compiled

    return make


def _need_torch(framework: str, what: str) -> None:
    if framework != "torch":
        raise UnsupportedError(f"{what} does not exist for framework {framework!r}")


def _graphed(framework: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Replays a CUDA graph of ``call``. Its inputs must lie at the same addresses in every call, as
    those of the timing worker do, so no copy into buffers of its own is timed: the case that is
    most favourable to this baseline. Other addresses are captured anew."""
    _need_torch(framework, "a CUDA graph of eager")
    import torch

    if not torch.cuda.is_available():
        raise UnsupportedError("a CUDA graph of eager needs a CUDA device")
    captured: dict[tuple[int, ...], tuple[Any, Any]] = {}

    def run(*values: Any) -> Any:
        if torch.cuda.is_current_stream_capturing():
            return call(*values)  # a graph within a graph is its kernels
        key = tuple(v.data_ptr() if isinstance(v, torch.Tensor) else hash(v) for v in values)
        if key not in captured:
            captured[key] = _capture(call, values)
        graph, result = captured[key]
        graph.replay()
        return result

    return run


def _capture(call: Callable[..., Any], values: Sequence[Any]) -> tuple[Any, Any]:
    """(graph, its static result); warmed up on a side stream, as torch.cuda.graph asks for."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call(*values)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call(*values)
    return graph, result


EAGER = "eager"
AUTO, ALL = "auto", "all"
BASELINES: Mapping[str, Baseline] = {
    EAGER: Baseline(_eager),
    "compile": Baseline(_compiled(None), frameworks=("torch",), compiles=True),
    # Without CUDA graphs: these hand out the same output buffer on every call.
    "max-autotune": Baseline(
        _compiled("max-autotune-no-cudagraphs"), ("torch",), compiles=True, slow=True
    ),
    "cudagraph": Baseline(_graphed, frameworks=("torch",), backends=("cuda",)),
}
CHOICES = (*BASELINES, AUTO, ALL)


def check_baselines(names: Sequence[str]) -> tuple[str, ...]:
    """``names`` (also "auto", "all") without repetition, "eager" first; raises UnknownNameError."""
    for name in names:
        if name not in CHOICES:
            raise UnknownNameError("baseline", name, CHOICES)
    return tuple(dict.fromkeys((EAGER, *names)))


def expand(names: Sequence[str], framework: str, backend: str) -> tuple[str, ...]:
    """What ``names`` stand for here: "all" is every baseline that exists for this framework and
    backend, "auto" the same without those that take minutes to compile. A name that was asked for
    stays, also where it cannot exist: that is then reported. Raises UnknownNameError."""
    chosen: list[str] = []
    for name in check_baselines(names):
        if name in BASELINES:
            chosen.append(name)
            continue
        chosen += [
            each
            for each, baseline in BASELINES.items()
            if baseline.exists(framework, backend) and (name == ALL or not baseline.slow)
        ]
    return tuple(dict.fromkeys(chosen))
