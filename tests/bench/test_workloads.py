"""Every workload of our suites at its small size: it runs, repeats itself, moves with its inputs;
and with ``-m heavy``: audited as it declares, and verified in C++ and Triton."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from kernelwright.bench.suite import Workload, find_suite, select, suite_names
from kernelwright.config import resolve
from kernelwright.task.audit import audit_file
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session

torch = pytest.importorskip("torch")

ALL = [w for name in suite_names() for w in find_suite(name)]
MASKS = ("attention_bias",)  # their outputs hold infinities by intent
SHARDS = 8
# By the whole road by default: one of each suite, one of them degenerate on purpose.
SPREAD = ("algebra/reductions/max_of_max", "memory_bound/dtypes/int8_quantize_rows")


def _id(workload: Workload) -> str:
    return f"{workload.suite}/{workload.label}"


def _outputs(model: Any, seed: int) -> list[np.ndarray]:
    values = model.run(model.make_inputs(seed)).outputs
    return [np.asarray(v) for v in values]


@pytest.mark.parametrize("shard", range(1, SHARDS + 1))
def test_it_loads_and_runs(shard: int) -> None:
    from kernelwright.frameworks.torch import TorchModel

    for workload in select(ALL, shard=f"{shard}/{SHARDS}"):
        model = TorchModel(workload.source("small"), str(workload.path))
        first, again, other = (_outputs(model, seed) for seed in (0, 0, 1))
        for a, b in zip(first, again):
            np.testing.assert_array_equal(a, b, err_msg=_id(workload))
        finite = [np.isfinite(a.astype(np.float64)).all() for a in first if a.dtype.kind != "b"]
        assert all(finite) or workload.name in MASKS, _id(workload)
        moved = any(a.shape != b.shape or (a != b).any() for a, b in zip(first, other))
        assert moved == (workload.degenerate is None), _id(workload)


@pytest.mark.parametrize(
    "workload",
    [pytest.param(w, id=_id(w), marks=() if _id(w) in SPREAD else pytest.mark.heavy) for w in ALL],
)
def test_an_audit_finds_what_it_declares(workload: Workload, tmp_path: Any) -> None:
    path = tmp_path / f"{workload.name}.py"
    path.write_text(workload.source("small"))
    found = audit_file(path, backend="cpu", seeds=2)
    kinds = [f.kind for f in found.deciding]
    if workload.degenerate is None:
        assert found.audit.verdict == "sound", kinds
    else:
        assert found.audit.verdict == "degenerate" and workload.degenerate in kinds


@pytest.mark.heavy
@pytest.mark.parametrize("size", ["cpu", "gpu", "gpu/8"])
@pytest.mark.parametrize("shard", range(1, SHARDS + 1))
def test_its_sizes_fit_the_model_and_a_device(size: str, shard: int) -> None:
    """Shapes alone, no memory: the Model takes its inputs; all of it fits into 20 GB, and at full
    size a memory-bound one is larger than any cache."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._pytree import tree_leaves

    for workload in select(ALL, shard=f"{shard}/{SHARDS}"):
        source = workload.source(size)
        if ".half()" in source or ".to(torch.bfloat16)" in source:
            continue  # casting a module of fake tensors in place is not supported
        module: dict[str, Any] = {"__name__": workload.name}
        with FakeTensorMode(), torch.no_grad():
            exec(compile(source, str(workload.path), "exec"), module)
            model = module["Model"](*module["get_init_inputs"]())
            inputs = module["get_inputs"]()
            values = [*inputs, *model.parameters(), *model.buffers(), *tree_leaves(model(*inputs))]
            held = sum(v.nbytes for v in values if isinstance(v, torch.Tensor))
        assert held < 20e9, _id(workload)
        if size == "gpu" and workload.suite == "memory_bound":
            assert held > 0.2e9, _id(workload)


@pytest.mark.heavy
@pytest.mark.parametrize("workload", [pytest.param(w, id=_id(w)) for w in ALL])
@pytest.mark.parametrize(("backend", "impl_type"), [("cpu", "cpp"), ("cuda", "triton")])
def test_its_kernel_is_verified(workload: Workload, backend: str, impl_type: str) -> None:
    config = resolve()
    config = dataclasses.replace(config, judge=dataclasses.replace(config.judge, seeds=1))
    spec = make_spec(
        workload.name,
        workload.source("small"),
        path=str(workload.path),
        backend=backend,
        arch="auto" if backend == "cpu" else "sm_90",
        task_type="precision_only",
    )
    with Session(spec, config) as session:
        design = session.design()
        checked = session.check_design(design)
        assert checked.passed, checked.note
        verdict = session.verify(session.code(design, impl_type))
        print(f"{_id(workload)}: opaque calls {sum(n.op == 'call' for n in session.graph.nodes())}")
        assert verdict.passed, f"{verdict.check}: {verdict.reason}"
