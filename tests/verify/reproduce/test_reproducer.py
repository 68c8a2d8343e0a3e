"""Reproducers are run where Kernelwright cannot be imported, in a fresh interpreter."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kernelwright.frameworks._base import StateEntry
from kernelwright.graph.core import TensorType
from kernelwright.schema import Candidate, ErrorStatistics, Evaluation, Status, Target, TaskSpec
from kernelwright.verify.inputs import laws
from kernelwright.verify.reference.process import Description, ReferenceProcess
from kernelwright.verify.reproduce import reproducer
from kernelwright.verify.reproduce.reproducer import write_reproducer
from kernelwright.verify.rule.compare import Outputs, Verdict, judge_outputs
from kernelwright.verify.verifier import Verifier

BLOCKED = """
import runpy, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("kernelwright", "hypothesis", "pytest"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def ran(script: str | Path | None, *arguments: str) -> Ran:
    """What the script does in an isolated interpreter that cannot import kernelwright."""
    assert script is not None
    command = [sys.executable, "-I", "-c", BLOCKED, str(script), *arguments]
    done = subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, timeout=100)
    return Ran(done.returncode, done.stdout, done.stderr)


def task(source: str, framework: str) -> TaskSpec:
    return TaskSpec("task", source, framework, Target("cpu", "x86_64"), path="task.py")


def person(source: str) -> Candidate:
    return Candidate({"kernel.py": source.encode()})


NUMPY = """
import numpy as np

class Part:
    def __init__(self):
        self.file = {"a:b/c": np.ones(2)}
        self.bias = np.zeros(64, np.float32)

class Model:
    def __init__(self, scale):
        self.weight = np.linspace(0.5, scale, 64, dtype=np.float32)
        self.parts = [Part(), (np.ones(3, np.int64),)]
        self.alias = self.weight

    def __call__(self, x, y, rows):
        t = np.tanh(x) * self.weight + self.parts[0].bias
        return (x + y).sum(axis=1) * np.float32(0.5), t, rows + self.parts[1][0][0]

def get_inputs():
    rng = np.random.default_rng()
    x = rng.standard_normal((32, 64)).astype(np.float32)
    y = rng.standard_normal((64, 32)).astype(np.float32).T
    return [x, y, rng.integers(0, 100, 32)]

def get_init_inputs():
    return [2.0]
"""


def numpy_kernel(before: str = "pass", after: str = "pass", head: str = "") -> str:
    source = NUMPY.replace("class Model", "class ModelNew")
    source = source.replace("        t = np", f"        {before}\n        t = np")
    found = "(x + y).sum(axis=1) * np.float32(0.5), t, rows + self.parts[1][0][0]"
    assert found in source
    split = f"s, t, r = {found}\n        {after}\n        return s, t, r"
    return head + source.replace(f"return {found}", split)


# What the candidate does, and a line that the script must print about it.
FAILURES = {
    "element_error": (numpy_kernel(after="t[3, 5] += np.float32(0.01)"), "worst element [3, 5]"),
    "norm_error": (
        numpy_kernel(after="t = np.where(t == 0, t, t * np.float32(1 + 400 * 2.0**-24))"),
        "relative Frobenius norm",
    ),
    "not_finite": (numpy_kernel(after="s[7] = np.nan"), "worst element [7]: got nan"),
    "exact": (numpy_kernel(after="r[4] += 1"), "1 of 32 elements are out of bounds"),
    "shape": (numpy_kernel(after="s = s[:, None]"), "output 0 has shape [32, 1], not [32]"),
    "dtype": (numpy_kernel(after="s = s.astype('f8')"), "has dtype float64, not float32"),
    "structure": (numpy_kernel(after="return [s, t, r]"), "a tuple of 3 is expected"),
    "no arrays": (numpy_kernel(after="return 'no'"), "arrays are expected, not str"),
    "late": (numpy_kernel(after="t = t if abs(x).max() < 8 else -t"), "law"),
    "cached": (
        numpy_kernel(before="if hasattr(self, 'old'): return self.old", after="self.old = s, t, r"),
        "calls on other inputs",
    ),
    "previous": (
        numpy_kernel(
            after="self.old, out = (s, t, r), getattr(self, 'old', (s, t, r)); return out"
        ),
        "calls on other inputs",
    ),
    "input_mutated": (numpy_kernel(after="x *= 2"), "the call wrote to input 0"),
    "random": (
        numpy_kernel(after="s *= np.float32(1 + 1e-7 * np.random.randint(0, 3))"),
        "non_deterministic",
    ),
    "output_reused": (
        numpy_kernel(
            head="BUFFER = []\n",
            after="BUFFER.append(t); t = BUFFER[0]; t[:] = BUFFER[-1]; del BUFFER[1:]",
        ),
        "wrote to what the first returned",
    ),
    "call_raised": (numpy_kernel(before="raise ValueError('no luck')"), "ValueError: no luck"),
    "call_died": (numpy_kernel(before="import os; os.abort()"), "died with exit code -6"),
    "sys.exit": (numpy_kernel(before="import sys; sys.exit(0)"), "died with exit code 0"),
    "import": (numpy_kernel(head="import no_such_module\n"), "ModuleNotFoundError"),
    "syntax": (numpy_kernel(head="def f(:\n"), "SyntaxError"),
    "load_raised": (numpy_kernel(head="1 / 0\n"), "ZeroDivisionError"),
    "no_entry": ("x = 1\n", "defines neither class ModelNew nor def kernel"),
    "state": (numpy_kernel().replace("self.weight", "self.w"), "missing ['weight'], extra ['w']"),
    "state of another shape": (
        numpy_kernel().replace("np.zeros(64, np.float32)", "np.zeros(65, np.float32)"),
        "state 'parts.0.bias' is float32[65], not float32[64]",
    ),
    "kernel cannot hold state": ("def kernel(x, y, z): return x", "use ModelNew"),
}


@pytest.fixture(scope="module")
def numpy_task(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Evaluation]]:
    with ReferenceProcess(task(NUMPY, "numpy")) as reference:
        folder = tmp_path_factory.mktemp("failures")
        verifier = Verifier(reference, seeds=2, wall_s=20, reproducers=folder)
        candidates = [person(source) for source, _ in FAILURES.values()]
        found = verifier.verify_all(reference.spec, candidates)
        yield dict(zip(FAILURES, found))


@pytest.mark.parametrize("name", FAILURES)
def test_the_failure_is_seen_again(numpy_task: dict[str, Evaluation], name: str) -> None:
    found, said = numpy_task[name], FAILURES[name][1]
    assert not found.passed
    done = ran(found.reproducer)
    assert done.code == 1 and "FAILED again" in done.out, (found, done)
    assert said in done.out, done.out
    if found.error is not None and name not in ("cached", "previous", "random"):
        assert f"law {found.error.laws[-1]}, seed {found.error.seeds[-1]}" in done.out
        assert str(list(found.error.worst_index)) in done.out


def test_a_mended_candidate_passes(numpy_task: dict[str, Evaluation]) -> None:
    for name in (
        "late",
        "element_error",
        "cached",
        "random",
        "call_died",
        "state",
        "input_mutated",
    ):
        script = Path(numpy_task[name].reproducer or "")
        kernel = script.parent / "candidate" / "kernel.py"
        broken = kernel.read_bytes()
        kernel.write_text(numpy_kernel())
        done = ran(script)
        kernel.write_bytes(broken)
        assert done.code == 0 and "PASSED here" in done.out, (name, done)


def test_another_failure_is_called_another(numpy_task: dict[str, Evaluation]) -> None:
    script = Path(numpy_task["element_error"].reproducer or "")
    kernel = script.parent / "candidate" / "kernel.py"
    broken = kernel.read_bytes()
    kernel.write_text(FAILURES["call_raised"][0])
    done = ran(script)
    kernel.write_bytes(broken)
    assert done.code == 1 and "by call_raised; the judge saw element_error" in done.out, done


def test_it_holds_no_pickles_and_names_its_files(numpy_task: dict[str, Evaluation]) -> None:
    folder = Path(numpy_task["late"].reproducer or "").parent
    assert {p.name for p in folder.iterdir()} >= {"reference.py", "candidate", "reproduce.py"}
    text = (folder / "reproduce.py").read_text()
    for path in folder.glob("*.npz"):
        with np.load(path, allow_pickle=False) as stored:
            assert all(stored[key].dtype != object for key in stored.files)
        assert path.name in text
    assert "kernelwright" not in text and len(text.splitlines()) < 320


def test_a_candidate_that_never_ends(tmp_path: Path) -> None:
    source = numpy_kernel(before="while True: pass")
    with ReferenceProcess(task(NUMPY, "numpy")) as reference:
        verifier = Verifier(reference, seeds=1, wall_s=2, reproducers=tmp_path)
        found = verifier.verify(reference.spec, person(source))
    assert found.check == "call_timeout"
    done = ran(found.reproducer)
    assert done.code == 1 and "did not end within 2 s" in done.out, done


TORCH = """
import torch

class Model(torch.nn.Module):
    def __init__(self, features, dtype, start, more):
        super().__init__()
        self.linear = torch.nn.Linear(features, 48, dtype=dtype)
        self.register_buffer("mean", torch.full((48,), 0.25, dtype=dtype) + start * more["one"][0])

    def forward(self, x, scale, none):
        return torch.softmax(self.linear(x.t()) - self.mean, dim=-1) * scale

def get_inputs():
    return [torch.randn(32, 64, dtype=DTYPE).t(), 1.5, None]

def get_init_inputs():
    return [64, DTYPE, torch.tensor([0.5], dtype=DTYPE), {"one": (1.0,)}]
"""


def torch_kernel(dtype: str, after: str, before: str = "pass") -> str:
    source = TORCH.replace("DTYPE", f"torch.{dtype}").replace("class Model(", "class ModelNew(")
    found = "torch.softmax(self.linear(x.t()) - self.mean, dim=-1) * scale"
    return source.replace(f"return {found}", f"{before}\n        out = {found}\n        {after}")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_torch_tasks(tmp_path: Path, dtype: str) -> None:
    pytest.importorskip("torch")
    spec = task(TORCH.replace("DTYPE", f"torch.{dtype}"), "torch")
    sources = {
        "element_error": torch_kernel(dtype, "out[5, 7] *= 3; return out"),
        "state": torch_kernel(dtype, "return out").replace("mean", "average"),
        "call_raised": torch_kernel(dtype, "return out", "assert out.requires_grad, 'no'"),
        "structure": torch_kernel(dtype, "return (out,)"),
        "input_mutated": torch_kernel(dtype, "x += 1; return out"),
        "strides": torch_kernel(dtype, "return out if x.stride() == (1, 64) else out * 2"),
    }
    if dtype != "bfloat16":  # one dtype for all of them is enough: torch is slow to import
        sources = {name: sources[name] for name in ("element_error", "strides")}
    with ReferenceProcess(spec) as reference:
        verifier = Verifier(reference, seeds=1, wall_s=60, reproducers=tmp_path, use_laws=False)
        found = verifier.verify_all(spec, [person(source) for source in sources.values()])
    for (name, source), evaluation in zip(sources.items(), found):
        if name == "strides":  # the judge keeps a transposed input transposed
            assert evaluation.passed, evaluation
            continue
        assert evaluation.check == name, evaluation
        done = ran(evaluation.reproducer)
        assert done.code == 1 and "FAILED again" in done.out, (source, done)
        if name == "element_error":
            assert f"output 0, {dtype}[32, 48]" in done.out and "worst element [5, 7]" in done.out
            kernel = Path(evaluation.reproducer or "").parent / "candidate" / "kernel.py"
            if dtype == "bfloat16":
                kernel.write_text(sources["strides"])
                assert ran(evaluation.reproducer).code == 0
    if dtype == "bfloat16":
        with np.load(Path(found[0].reproducer or "").parent / "inputs.npz") as stored:
            assert {key: stored[key].dtype.name for key in stored} == {"0:bfloat16": "uint16"}


def write(
    tmp_path: Path,
    source: str,
    kernel: str,
    *,
    framework: str,
    law: str = laws.OWN,
    layout: str = "as_given",
) -> Path:
    """The reproducer for ``kernel``, whatever a judge would have said of it."""
    spec = task(source, framework)
    with ReferenceProcess(spec) as process:
        inputs = laws.apply_law(law, process.make_inputs(11), 11)
        reference, truths = process.run_and_truth(inputs)
        description = process.describe()
    return write_reproducer(
        tmp_path / "failure",
        spec,
        person(kernel),
        verdict=Verdict(Status.WRONG_VALUE, "element_error", "as said"),
        law=law,
        seed=11,
        layout=layout,
        state=description.state,
        inputs=inputs,
        description=description,
        truths=truths,
        reference=reference,
        device="cpu",
    )


@pytest.mark.parametrize("law", [laws.OWN, *laws.LAWS])
def test_large_inputs_are_made_again(
    tmp_path: Path, law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproducer, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(reproducer, "PART_ELEMENTS", 100)
    script = write(tmp_path, NUMPY, numpy_kernel(after="t[0, 9] += 1"), framework="numpy", law=law)
    assert not (script.parent / "inputs.npz").exists()
    done = ran(script)
    assert done.code == 1 and "worst element [0, 9]" in done.out, done
    assert "1 of the 100 that are stored elements are out of bounds" in done.out
    (script.parent / "candidate" / "kernel.py").write_text(numpy_kernel())
    assert ran(script).code == 0
    (script.parent / "reference.py").write_text(NUMPY.replace("100", "101"))
    assert ran(script).code == 2  # these are not the inputs that it failed on


def test_large_torch_inputs_and_state_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(reproducer, "WHOLE_BYTES", 1000)
    source = TORCH.replace("DTYPE", "torch.bfloat16")
    kernel = torch_kernel("bfloat16", "out[2, 3] += 1; return out")
    script = write(tmp_path, source, kernel, framework="torch", law="offset", layout="misaligned")
    with np.load(script.parent / "state.npz") as stored:
        assert list(stored) == ["init 3:bfloat16"]
    assert not (script.parent / "inputs.npz").exists()
    done = ran(script)
    assert done.code == 1 and "worst element [2, 3]" in done.out, done
    (script.parent / "candidate" / "kernel.py").write_text(torch_kernel("bfloat16", "return out"))
    assert ran(script).code == 0


LAYOUTS = {
    "as_given": "ok = x.is_contiguous() and x.storage_offset() == 0",
    "misaligned": "ok = x.storage_offset() == 1 and x.is_contiguous()",
    "non_contiguous": "ok = not x.is_contiguous()",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_those_of_the_judge(tmp_path: Path, layout: str) -> None:
    """The function is the judge's own, so only that it is used needs a look."""
    pytest.importorskip("torch")
    source = TORCH.replace("torch.randn(32, 64, dtype=DTYPE).t()", "torch.randn(64, 32)")
    source = source.replace("DTYPE", "torch.float32")
    kernel = torch_kernel("float32", "return out if ok else -out", LAYOUTS[layout])
    script = write(tmp_path, source, kernel, framework="torch", layout=layout)
    assert ran(script).code == 0
    if layout == "misaligned":
        script = write(tmp_path, source, kernel, framework="torch", layout="non_contiguous")
        assert ran(script).code == 1


def in_this_process(script: Path) -> int:
    """The exit code of a script that is known to need nothing; a process each costs too much."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        return int(str(end.code))
    raise AssertionError("a script ends by SystemExit")


def described(outputs: Sequence[np.ndarray], state: Sequence[StateEntry] = ()) -> Description:
    types = [TensorType(a.shape, a.dtype.name) for a in outputs]
    return Description(list(state), [], [], [], types, "tensor")


def written(
    tmp_path: Path, kernel: str, outputs: Outputs, truths: Sequence[Any], **said: Any
) -> Path:
    """A script from nothing but arrays; the kernel takes one input, of as many elements."""
    settings: dict[str, Any] = {
        "verdict": Verdict(Status.WRONG_VALUE, "element_error", 'of """three\\ quotes'),
        "law": laws.OWN,
        "seed": 1,
        "layout": "as_given",
        "state": [],
        "inputs": [np.zeros(outputs.arrays[0].shape, np.float32)],
        "description": described(outputs.arrays),
        "truths": truths,
        "reference": outputs,
        "device": "cpu",
    }
    spec = said.pop("spec", task("class Model: pass", "numpy"))
    return write_reproducer(tmp_path, spec, person(kernel), **{**settings, **said})


def test_an_output_that_is_the_input(tmp_path: Path) -> None:
    zeros = Outputs([np.zeros(4, np.float32)], "tensor")
    verdict = Verdict(Status.REJECTED, "output_aliases_input", "as said")
    script = written(tmp_path, "def kernel(x): return x", zeros, [np.zeros(4)], verdict=verdict)
    done = ran(script)
    assert done.code == 1 and "output 0 shares memory with an input" in done.out, done
    (tmp_path / "candidate" / "kernel.py").write_text("def kernel(x): return x.copy()")
    assert ran(script).code == 0


def test_an_input_that_must_change(tmp_path: Path) -> None:
    both = Outputs([np.zeros(4, np.float32), np.ones(4, np.float32)], "tensor")
    truths = [np.zeros(4), np.ones(4)]
    kernel = "def kernel(x):\n    y = x.copy()\n    x += {}\n    return y\n"
    for step, code in ((1, 0), (2, 1)):
        script = written(tmp_path, kernel.format(step), both, truths, written=(0,))
        assert ran(script).code == code


def test_ties_leave_the_worst_element_alone(tmp_path: Path) -> None:
    given = Outputs([np.array([3, 1, 2])], "tensor")
    error = ErrorStatistics(0.3, 0.0, 0.0, worst_output=0, worst_index=(1,))
    verdict = Verdict(Status.WRONG_VALUE, "exact", "as said", error)
    for answer, code in (([3, 0, 2], 1), ([0, 1, 0], 0)):
        kernel = f"import numpy as np\ndef kernel(x): return np.array({answer})"
        script = written(tmp_path, kernel, given, given.arrays, verdict=verdict, tied={0})
        assert ran(script).code == code


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_script_for_mindspore_is_python(tmp_path: Path, layout: str) -> None:
    """MindSpore is not here to run it."""
    zeros = Outputs([np.zeros(4, np.float32)], "tensor")
    spec = task("class Model: pass", "mindspore")
    script = written(
        tmp_path, "def kernel(x): return x", zeros, [np.zeros(4)], layout=layout, spec=spec
    )
    compile(script.read_text(), "reproduce.py", "exec")


BF16 = np.dtype(ml_dtypes.bfloat16)
VALUES: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "float32": (np.array([1, 2, 3], "f4"), np.array([1, 2, 3.0])),
    "bfloat16": (np.array([1, 2, 3], BF16), np.array([1, 2, 3.001])),
    "complex64": (np.array([1, 2j, 3], "c8"), np.array([1, 2j, 3.0])),
    "scalar": (np.array(3, "f4"), np.array(3.0)),
    "NaN and Inf": (np.array([np.nan, np.inf, -np.inf], "f4"), np.array([np.nan, np.inf, -np.inf])),
    "overflow": (np.array([np.inf, 65504, 1], "f2"), np.array([7e4, 65504, 1.0])),
    "unsigned": (np.array([2**64 - 1, 0], "u8"), np.array([2**64 - 1, 0], "u8")),
    "bool": (np.array([True, False]), np.array([True, False])),
    "empty": (np.zeros((0, 3), "f4"), np.zeros((0, 3))),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_script_says_what_the_rule_says(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every single element replaced by each of several values: script and rule agree."""
    reference, truth = VALUES[name]
    expected = Outputs([reference], "tensor")
    size = reference.size
    kernel = "import numpy as np\nimport ml_dtypes\nfrom pathlib import Path\n"
    kernel += "FILE = Path(__file__).parent / 'answer.npy'\n"
    kernel += f"def kernel(x):\n    a = np.load(FILE).view({reference.dtype.name!r})\n"
    kernel += f"    return a.reshape({reference.shape})\n"
    if name == "bfloat16":
        kernel = kernel.replace("'bfloat16'", "ml_dtypes.bfloat16")
    script = written(tmp_path, kernel, expected, [truth])
    values = [0, 1] if reference.dtype.kind in "ub" else [np.nan, np.inf, -np.inf, 3, 3.02, 3e4]
    for where, value in [(None, 0), *((w, v) for w in range(size) for v in values[: 2 + size])]:
        answer = reference.copy()
        if where is not None:
            answer.reshape(-1)[where] = value
        flat = np.frombuffer(answer.tobytes(), np.uint8)
        np.save(script.parent / "candidate" / "answer.npy", flat)
        verdict = judge_outputs([truth], expected, Outputs([answer], "tensor"))
        code = in_this_process(script)
        assert code == int(not verdict.passed), (where, value, verdict, capsys.readouterr().out)
