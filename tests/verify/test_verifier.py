"""The Verifier end to end: real references, real candidates in real sandboxes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kernelwright
from kernelwright.sandbox.process import Limits, isolation_level
from kernelwright.schema import Candidate, Evaluation, Status, Target, TaskSpec
from kernelwright.verify.audit.degenerate import degeneracy
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.verifier import Verifier

REFERENCE = """
import numpy as np

class Model:
    def __init__(self, scale):
        self.weight = np.linspace(0.5, scale, 64, dtype=np.float32)

    def __call__(self, x, y, rows):
        return (x + y).sum(axis=1) * np.float32(0.5), np.tanh(x) * self.weight, rows + 1

def get_inputs():
    rng = np.random.default_rng()
    x = rng.standard_normal((32, 64)).astype(np.float32)
    y = rng.standard_normal((32, 64)).astype(np.float32)
    return [x, y, rng.integers(0, 100, 32)]

def get_init_inputs():
    return [2.0]
"""

GOOD = """
import numpy as np

class ModelNew:
    def __init__(self, scale):
        self.weight = np.zeros(64, np.float32)

    def __call__(self, x, y, rows):
        {before}
        s = (x + y).sum(axis=1) * np.float32(0.5)
        t = np.tanh(x) * self.weight
        r = rows + 1
        {after}
        return s, t, r
"""


def good(before: str = "pass", after: str = "pass", head: str = "") -> str:
    return head + GOOD.format(before=before, after=after)


def task(source: str, framework: str = "numpy") -> TaskSpec:
    return TaskSpec("task", source, framework, Target("cpu", "x86_64"), path="task.py")


def person(source: str) -> Candidate:
    return Candidate({"kernel.py": source.encode()})


@pytest.fixture(scope="module")
def reference() -> Iterator[ReferenceProcess]:
    with ReferenceProcess(task(REFERENCE)) as process:
        yield process


def verify(reference: ReferenceProcess, source: str, **options: object) -> Evaluation:
    settings = {"wall_s": 20.0, "seeds": 2, **options}
    verifier = Verifier(reference, **settings)  # type: ignore[arg-type]
    return verifier.verify(reference.spec, person(source))


HONEST = {
    "the same": good(),
    "float64 accumulation": good(after="s = ((x.astype('f8') + y).sum(axis=1) * 0.5).astype('f4')"),
    "reassociated": good(after="s = (x.sum(axis=1) + y[:, ::-1].sum(axis=1)) * np.float32(0.5)"),
    "lanes": good(after="s = ((x + y).reshape(32, 4, 16).sum(1).sum(1) / 2).astype('f4')"),
    "prints": good(before="print('hello' * 50000)"),
    "files of its own": good(head="import tempfile; open(tempfile.mktemp(), 'w').write('x')\n"),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_candidates_pass(reference: ReferenceProcess, name: str) -> None:
    found = verify(reference, HONEST[name])
    assert found.passed and found.check is None, found
    assert found.error is not None and found.error.candidate <= found.error.limit
    laws = found.error.laws
    assert laws[:2] == ("own", "random_weights") and laws[-2:] == ("misaligned", "non_contiguous")
    assert len(laws) == 13 and not found.notes
    assert len(set(found.error.seeds)) == len(found.error.seeds) == 14
    assert Evaluation.from_dict(found.to_dict()) == found


def test_whose_code_it_says_it_is_is_told(reference: ReferenceProcess) -> None:
    found = verify(reference, good(head="# Copyright (c) 2023, Somebody Else\n"))
    assert found.passed
    (note,) = found.notes
    assert note.endswith("Copyright (c) 2023, Somebody Else")


WRONG = {
    "all NaN": (good(after="t[:] = np.nan"), Status.WRONG_VALUE, "not_finite"),
    "0.3 % garbage": (
        good(after="t.reshape(-1)[::333] = np.random.default_rng(1).random(7)"),
        Status.WRONG_VALUE,
        "element_error",
    ),
    "0.35 % off": (good(after="t *= np.float32(1.0035)"), Status.WRONG_VALUE, "element_error"),
    "shape (n, 1)": (good(after="s = s[:, None]"), Status.WRONG_SHAPE, "shape"),
    "dtype": (good(after="s = s.astype('f8')"), Status.WRONG_DTYPE, "dtype"),
    "integers off by one": (good(after="r = rows + (rows > 90) + 1"), Status.WRONG_VALUE, "exact"),
    "half missing": (good(after="t[16:] = 0"), Status.WRONG_VALUE, "element_error"),
    "zeros": (good(after="s = np.zeros_like(s)"), Status.WRONG_VALUE, "element_error"),
    "structure": (good(after="return [s, t, r]"), Status.WRONG_STRUCTURE, "structure"),
    "an output short": (good(after="return s, t"), Status.WRONG_STRUCTURE, "structure"),
    "no arrays": (good(after="return 'no'"), Status.WRONG_STRUCTURE, "structure"),
    "cached by first call": (
        good(before="if hasattr(self, 'old'): return self.old", after="self.old = (s, t, r)"),
        Status.WRONG_VALUE,
        None,
    ),
    "previous output": (
        good(after="self.old, out = (s, t, r), getattr(self, 'old', (s, t, r)); return out"),
        Status.WRONG_VALUE,
        None,
    ),
    "float16 inside": (
        good(after="t = np.tanh(x.astype('f2')).astype('f4') * self.weight"),
        Status.WRONG_VALUE,
        "element_error",
    ),
    "right on nominal inputs only": (
        good(after="t = t if abs(x).max() < 8 else x * self.weight"),
        Status.WRONG_VALUE,
        "element_error",
    ),
    "input mutated": (good(after="x *= 2"), Status.REJECTED, "input_mutated"),
    "random": (
        good(after="s *= (1 + 1e-7 * np.random.randint(0, 3, s.shape)).astype('f4')"),
        Status.REJECTED,
        "non_deterministic",
    ),
    "stops after three calls": (
        good(
            before="self.n = getattr(self, 'n', 0) + 1",
            after="s = s if self.n <= 3 else np.nextafter(s, s + 1)",
        ),
        Status.REJECTED,
        "non_deterministic",
    ),
    "raises": (good(before="raise ValueError('no luck')"), Status.RUNTIME_ERROR, "call_raised"),
    "sys.exit": (good(before="import sys; sys.exit(0)"), Status.RUNTIME_ERROR, "call_died"),
    "segfault": (
        good(before="import ctypes; ctypes.string_at(1)"),
        Status.RUNTIME_ERROR,
        "call_died",
    ),
    "out of memory": (good(before="bytearray(1 << 44)"), Status.RUNTIME_ERROR, "call_raised"),
    "import error": ("import no_such_module\n" + good(), Status.RUNTIME_ERROR, "import"),
    "syntax error": ("def f(:\n", Status.COMPILE_ERROR, "syntax"),
    "compiler fails": (
        good(head="import subprocess; subprocess.run(['false'], check=True)\n"),
        Status.COMPILE_ERROR,
        "compile",
    ),
    "no entry": ("x = 1\n", Status.WRONG_STRUCTURE, "no_entry"),
    "kernel cannot hold state": ("def kernel(*a): return a", Status.WRONG_STRUCTURE, "state"),
    "state of another name": (
        good().replace("self.weight", "self.w"),
        Status.WRONG_STRUCTURE,
        "state",
    ),
    "forged answer": (
        good(before="import os\n        for fd in range(3, 30):\n"
             "            try: os.write(fd, b'{}' * 40)\n"
             "            except OSError: pass"),
        Status.REJECTED,
        "protocol",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_candidates_get_their_status_and_check(
    reference: ReferenceProcess, name: str
) -> None:
    source, status, check = WRONG[name]
    found = verify(reference, source)
    assert found.status is status, found
    if check is not None:
        assert found.check == check, found
    assert found.reason
    assert reference.make_inputs(0), "the reference still answers"


def test_sleeping_forever_is_a_timeout(reference: ReferenceProcess) -> None:
    slow = good(before="import time; time.sleep(1000)")
    found = verify(reference, slow, wall_s=0.5)
    assert (found.status, found.check) == (Status.TIMEOUT, "call_timeout")
    spin = good(before="while True: pass")
    found = verify(reference, spin, limits=Limits(cpu_s=1, wall_s=60))
    assert (found.status, found.check) == (Status.TIMEOUT, "call_timeout")
    found = verify(reference, "import time; time.sleep(1000)\n" + good(), wall_s=0.5)
    assert (found.status, found.check) == (Status.TIMEOUT, "load_timeout")


@pytest.mark.skipif(isolation_level() != "bubblewrap", reason="no namespaces on this machine")
@pytest.mark.parametrize(
    "attempt",
    [
        "import urllib.request; urllib.request.urlopen('http://1.1.1.1', timeout=5)",
        "import socket; socket.create_connection(('127.0.0.1', 22), timeout=5)",
        "open('/etc/passwd').read()",
        "import pathlib; [p.read_bytes() for p in [pathlib.Path.home() / '.bashrc']]",
        f"open({str(Path(__file__))!r}).read()",
        "open(__file__, 'a').write('#')",
        "import os; [os.fork() or __import__('time').sleep(99) for _ in range(5000)]",
        "import os; os.kill(1, 9); assert not os.listdir('/host'); raise OSError('alive')",
        "import kernelwright; open(kernelwright.__file__, 'a').write('#')",
    ],
)
def test_what_a_candidate_may_not_do_fails(reference: ReferenceProcess, attempt: str) -> None:
    found = verify(reference, f"{attempt}\n" + good())
    assert found.status in (Status.RUNTIME_ERROR, Status.TIMEOUT), found
    assert found.check in ("load_raised", "load_timeout", "load_died"), found


def test_the_reproducer_repeats_the_failure_on_its_own(
    reference: ReferenceProcess, tmp_path: Path
) -> None:
    broken = good(after="t = t if abs(x).max() < 8 else x * self.weight")
    found = verify(reference, broken, reproducers=tmp_path)
    assert found.reproducer is not None and found.error is not None
    source = str(Path(kernelwright.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, found.reproducer],
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert f"seed {found.error.seeds[-1]}" in done.stdout
    assert f"law {found.error.laws[-1]}" in done.stdout and "WRONG_VALUE" in done.stdout
    assert str(list(found.error.worst_index)) in done.stdout


def test_reduced_sizes_are_used_said_and_reproduced(tmp_path: Path) -> None:
    big = REFERENCE.replace("(32, 64)", "(3200, 64)").replace("100, 32", "100, 3200")
    with ReferenceProcess(task(big)) as reference:
        verifier = Verifier(reference, seeds=1, reproducers=tmp_path)
        found = verifier.verify(reference.spec, person(good()), reduced=True)
        assert found.passed and found.reduced, found
        assert "checked on reduced sizes only" in found.notes
        broken = good(after="t = t if len(x) > 1000 else -t")
        assert verifier.verify(reference.spec, person(broken)).passed
        found = verifier.verify(reference.spec, person(broken), reduced=True)
    assert found.check == "element_error" and found.reproducer is not None
    source = str(Path(kernelwright.__file__).parent.parent)
    command = [sys.executable, found.reproducer]
    done = subprocess.run(command, env={"PYTHONPATH": source}, capture_output=True, timeout=60)
    assert done.returncode == 1 and b"element_error" in done.stdout, done.stderr


def test_a_fixed_seed_makes_the_verdict_repeat(reference: ReferenceProcess) -> None:
    verifier = Verifier(reference, seeds=1)
    one, two = (verifier.verify(reference.spec, person(good()), seed=5) for _ in range(2))
    other = verifier.verify(reference.spec, person(good()), seed=6)
    assert one == two and one.error is not None and other.error is not None
    assert one.error.seeds != other.error.seeds


def test_laws_that_break_the_reference_are_dropped_and_said() -> None:
    source = REFERENCE.replace("np.tanh(x)", "np.log(np.abs(x) - 1e-30)")
    with ReferenceProcess(task(source)) as reference:
        found = verify(reference, good().replace("np.tanh(x)", "np.log(np.abs(x) - 1e-30)"))
    assert found.passed, found
    assert any("law zeros dropped" in note for note in found.notes)
    assert found.error is not None and "zeros" not in found.error.laws


DEGENERATE = {
    "constant": ("np.ones_like(x)", "does not depend"),
    "zero": ("x * np.float32(0)", "does not depend"),
    "below rounding": ("x * np.float32(1e-12) + np.float32(1)", "does not depend"),
    "scalar": ("np.mean(x * x, dtype='f4') * np.float32(1.1)", None),
    "identity": ("x * np.float32(1)", None),
    "uniform": ("x * np.float32(1e-6) + np.float32(1)", "constant mean"),
    "tanh": ("np.tanh(x)", None),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_tasks_are_noted(name: str) -> None:
    formula, said = DEGENERATE[name]
    source = (
        "import numpy as np\nclass Model:\n    def __call__(self, x):\n"
        f"        return {formula}\n"
        "def get_inputs():\n"
        "    return [np.random.default_rng().standard_normal((8, 8)).astype('f4')]\n"
    )
    with ReferenceProcess(task(source)) as reference:
        reasons = degeneracy(reference)
        kernel = f"import numpy as np\ndef kernel(x):\n    return {formula}\n"
        found = verify(reference, kernel)
    assert found.passed, found
    if said is None:
        assert not reasons and not any("degenerate" in note for note in found.notes)
    else:
        assert said in "; ".join(reasons)
        assert any(note.startswith("degenerate task") for note in found.notes)


def test_an_answer_is_judged_while_the_next_case_is_asked(reference: ReferenceProcess) -> None:
    wrong_then_stuck = good(
        head="import time\ncalls = []\n",
        before="calls.append(x)\n        if len(calls) > 4: time.sleep(1000)",
        after="s = s + (1 if len(calls) <= 2 else 0)",
    )
    found = verify(reference, wrong_then_stuck, seeds=4)  # each set of inputs is given twice
    assert (found.status, found.check) == (Status.WRONG_VALUE, "element_error"), found
    assert found.error is not None and len(found.error.seeds) == 1  # the first set decided


def test_one_refused_candidate_does_not_stop_another(reference: ReferenceProcess) -> None:
    verifier = Verifier(reference, wall_s=20.0, seeds=2)
    kernels = [person(good(after="s = s + 1")), person(good()), person("raise ValueError")]
    wrong, right, broken = verifier.verify_all(reference.spec, kernels)
    assert (wrong.status, right.status) == (Status.WRONG_VALUE, Status.PASSED)
    assert not broken.passed
    assert wrong.error and right.error
    assert len(wrong.error.seeds) == 1 and len(right.error.seeds) > 2
