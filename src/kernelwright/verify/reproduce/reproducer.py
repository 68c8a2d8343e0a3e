"""A script that repeats one failure on its own, without the judge.

``write_reproducer`` fills a folder: ``reproduce.py`` (from the templates beside this module), the
candidate's files, the reference for reading, and inputs, state and expected outputs as arrays. It
needs Python, NumPy and the candidate's framework; only MindSpore's also needs Kernelwright.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._base import StateEntry, Value
from kernelwright.schema import Candidate, TaskSpec
from kernelwright.verify.candidate.process import write_folder
from kernelwright.verify.inputs import laws
from kernelwright.verify.inputs.cases import MISALIGNED, NON_CONTIGUOUS, RANDOM_WEIGHTS
from kernelwright.verify.reference.process import Description
from kernelwright.verify.reproduce.data import (
    Stored,
    bits_of,
    checksum,
    literal,
    same_bits,
    source_of,
)
from kernelwright.verify.rule.compare import Outputs, Verdict, allowed_errors, is_inexact

# Inputs, state and expected outputs are stored whole up to this size in all. Above it inputs and
# state are made again by the reference's own code, where they can be, and only the part of the
# expected outputs around the worst element is stored.
WHOLE_BYTES = 64 << 20
PART_ELEMENTS = 1 << 16
WALL_S = 120.0

_NOT_SEEN = 3  # exit code of a child process in which nothing was seen
_RAISING = ("syntax", "compile", "import", "load_raised", "call_raised")


@dataclass(frozen=True)
class _Data:
    """What the script works on. ``truths`` and ``reference`` are None when the judge had none."""

    inputs: Sequence[Value] | None
    state: Sequence[StateEntry]
    description: Description
    truths: Sequence[np.ndarray] | None
    reference: Outputs | None

    def _references(self) -> Sequence[np.ndarray]:
        return () if self.reference is None else self.reference.arrays

    def nbytes(self) -> int:
        """Bytes of all of it, expected outputs with their limits."""
        expected = sum(_expected_bytes(a.dtype) * a.size for a in self._references())
        stored = [*(self.inputs or ()), *(e.array for e in self.state)]
        return expected + laws.nbytes([*stored, *self.description.arrays])


def _expected_bytes(dtype: np.dtype) -> int:
    return 8 + dtype.itemsize + 8


def write_reproducer(
    folder: Path,
    spec: TaskSpec,
    candidate: Candidate,
    *,
    verdict: Verdict,
    law: str,
    seed: int,
    layout: str,
    state: Sequence[StateEntry],
    inputs: Sequence[Value] | None,
    description: Description,
    truths: Sequence[np.ndarray] | None,
    reference: Outputs | None,
    device: str,
    written: Sequence[int] = (),
    tied: Collection[int] = (),
    wall_s: float = WALL_S,
) -> Path:
    """Writes ``folder`` and gives the script's path.

    ``inputs`` is None when the candidate failed before any call; ``truths`` and ``reference`` are
    None when nothing was computed for these inputs. ``layout`` is "as_given", "misaligned" or
    "non_contiguous". ``written`` are the inputs that the reference changes: their values afterwards
    are the last of ``truths`` and of the reference's arrays. ``tied`` are the outputs in which
    another index of a tie is as good: the script looks at their worst element alone. After
    ``wall_s`` seconds the script says that the candidate does not end.
    Raises OSError when the folder cannot be written.
    """
    (folder / "candidate").mkdir(parents=True, exist_ok=True)
    write_folder(candidate, folder / "candidate")
    (folder / spec.reference_name).write_text(spec.source, encoding="utf-8")
    language = FRAMEWORKS.get(spec.framework).language
    data = _Data(inputs, state, description, truths, reference)
    whole = data.nbytes() <= WHOLE_BYTES
    fields: dict[str, Any] = {
        **_said(spec, candidate, verdict, law=law, seed=seed, layout=layout),
        **_state_fields(folder, language, data, whole),
        **_input_fields(
            folder, language, data, whole or spec.framework != language, law=law, layout=layout
        ),
        **_expected_fields(folder, data, whole, verdict, tied),
        "device": device,
        "wall_s": wall_s,
        "written": tuple(written),
        "aliased": tuple(description.aliased),
        "policy": dict(description.policy),
    }
    fields.update(_sources(language, law, fields))
    fields["reads_reference"] = fields["makes_inputs"] or fields["makes_state"]
    fields["data_files"] = _data_files(folder, fields)
    script = folder / "reproduce.py"
    script.write_text(_rendered(fields), encoding="utf-8")
    return script


def _said(
    spec: TaskSpec, candidate: Candidate, verdict: Verdict, *, law: str, seed: int, layout: str
) -> dict[str, Any]:
    """What the script says about the failure, and what it does about its kind."""
    check = verdict.check or "protocol"
    reason = verdict.reason.replace("\\", "/").replace('"""', "'''")
    lines = [textwrap.fill(line, 98, break_long_words=False) for line in reason.splitlines()]
    in_child = check.endswith(("_died", "_timeout"))
    remark = ""
    if in_child:
        remark = " (the judge also bounds memory, processes and processor time)"
    elif check == "protocol":
        remark = " (what a candidate says to the judge beside its outputs cannot be repeated here)"
    return {
        "status": verdict.status.value,
        "check": check,
        "reason": "\n".join(lines) or "(no reason was given)",
        "law": law,
        "seed": seed,
        "layout": layout,
        "headline": f"law {law}, seed {seed}, layout {layout}: {verdict.status.value} ({check})",
        "framework": FRAMEWORKS.get(spec.framework).language,
        "reference_name": spec.reference_name,
        "entry": candidate.entry,
        "in_child": in_child,
        "not_seen": _NOT_SEEN,
        "rejected": verdict.status.value == "REJECTED",
        "raising": _RAISING,
        "remark": remark,
        "written": (),
    }


def _state_fields(folder: Path, framework: str, data: _Data, whole: bool) -> dict[str, Any]:
    """``state.npz``: state under its names and constructor arguments as "init <number>"."""
    first = len(data.description.state)  # the packed arguments count state and arrays in one row
    arrays = {f"init {first + i}": a for i, a in enumerate(data.description.arrays)}
    stored = Stored("state", {})
    init = [literal(value, arrays, stored) for value in data.description.init]
    own = {e.name: e.array for e in data.description.state}
    same = all(e.name in own and same_bits(e.array, own[e.name]) for e in data.state)
    makes = framework == "torch" and not whole and bool(data.state) and same
    checksums, state = [], []
    for entry in data.state:
        if makes:
            checksums.append((entry.name, checksum(entry.array)))
        else:
            state.append((entry.name, stored.add(entry.name, entry.array)))
    stored.write(folder)
    return {
        "init": init,
        "state": state,
        "makes_state": makes,
        "state_checksums": checksums,
        "bits": stored.has_bits,
    }


def _input_fields(
    folder: Path, framework: str, data: _Data, whole: bool, *, law: str, layout: str
) -> dict[str, Any]:
    """``inputs.npz``, or how the inputs are made again."""
    values = [] if data.inputs is None else list(data.inputs)
    stored = Stored("inputs", {})
    own = law in (laws.OWN, *laws.LAWS, RANDOM_WEIGHTS, MISALIGNED, NON_CONTIGUOUS)
    makes = not whole and framework != "mindspore" and own
    makes = makes and _own_sizes(values, data.description)
    found: dict[str, Any] = {"calls": data.inputs is not None, "makes_inputs": makes}
    if makes:
        found["input_checksums"] = {
            i: checksum(v) for i, v in enumerate(values) if isinstance(v, np.ndarray)
        }
        found["law_function"] = laws.LAWS[law].__name__ if law in laws.LAWS else ""
        return found
    found["inputs"] = []
    for index, value in enumerate(values):
        if not isinstance(value, np.ndarray):
            found["inputs"].append((literal(value, {}, stored), ""))
            continue
        expression = stored.add(str(index), value, roll=True)
        if layout != "as_given":
            relayout = "relayout"
            if framework != "mindspore":
                relayout = FRAMEWORKS.get(framework).relayout.__name__
            expression = f"{relayout}({expression}, LAYOUT)"
        found["inputs"].append((expression, f"{value.dtype.name}{list(value.shape)}"))
    stored.write(folder)
    if stored.has_bits:
        found["bits"] = True
    return found


def _own_sizes(values: Sequence[Value], description: Description) -> bool:
    """Whether the inputs have the types of the Model's own, so that get_inputs() gives them."""
    types_ = [(tuple(v.shape), v.dtype.name) if isinstance(v, np.ndarray) else None for v in values]
    own = [None if t is None else (tuple(t.shape), str(t.dtype)) for t in description.inputs]
    return bool(values) and types_ == own


def _expected_fields(
    folder: Path, data: _Data, whole: bool, verdict: Verdict, tied: Collection[int]
) -> dict[str, Any]:
    """``expected.npz``: for each output truth, reference and limit, flat, whole or in part."""
    outputs: list[tuple[str, tuple[int, ...] | None, int]] = []
    if data.truths is None or data.reference is None:
        outputs = [(str(t.dtype), None, 0) for t in data.description.outputs]
        structure = data.description.structure
        return {
            "has_expected": False,
            "outputs": outputs,
            "structure": structure,
            "poisoned": [],
        }
    stored: dict[str, np.ndarray] = {}
    whole = whole or verdict.check == "norm_error"
    statistics = verdict.statistics
    exact_output = -1
    if verdict.check == "exact_integers" and statistics is not None:
        exact_output = statistics.worst_output
    for index, (truth, reference) in enumerate(zip(data.truths, data.reference.arrays)):
        worst: tuple[int, ...] = ()
        if statistics is not None and statistics.worst_output == index:
            worst = statistics.worst_index
        part = slice(0, truth.size) if whole else _part(truth.shape, worst)
        if index in tied:
            start = int(np.ravel_multi_index(worst, truth.shape)) if worst else 0
            part = slice(start, start + bool(worst))
        arrays = _expected(truth, reference, exact=index == exact_output)
        for name, array in arrays.items():
            flat = array if name == "norm_limit" else array.reshape(-1)[part]
            stored[f"{name}{index}"] = flat
        outputs.append((reference.dtype.name, tuple(reference.shape), part.start))
    Stored("expected", stored).write(folder)
    structure = data.reference.structure
    poisoned = [a.nbytes for a in data.reference.arrays]
    return {
        "has_expected": True,
        "outputs": outputs,
        "structure": structure,
        "poisoned": poisoned,
    }


def _part(shape: tuple[int, ...], worst: tuple[int, ...]) -> slice:
    """PART_ELEMENTS of a flat output around its worst element."""
    size = int(np.prod(shape))
    middle = int(np.ravel_multi_index(worst, shape)) if worst and shape else 0
    start = max(0, min(middle - PART_ELEMENTS // 2, size - PART_ELEMENTS))
    return slice(start, min(size, start + PART_ELEMENTS))


def _expected(truth: np.ndarray, reference: np.ndarray, *, exact: bool) -> dict[str, np.ndarray]:
    """Arrays that any NumPy reads: floats that it does not know are widened, which loses nothing.
    The limit is infinite where the truth overflows the dtype and the reference does not (both are
    right there)."""
    if not is_inexact(reference.dtype):
        return _parts(reference, reference, np.zeros(reference.shape), 0.0)
    wide: Any = np.complex128 if reference.dtype.kind == "c" else np.float64
    r = reference.astype(wide if reference.dtype.kind == "c" else _known(reference.dtype))
    if exact:
        return _parts(truth, r, np.zeros(r.shape), 0.0)
    limit, norm_limit = allowed_errors(truth, reference)
    with np.errstate(all="ignore"):
        rounded = truth.astype(reference.dtype).astype(wide)
    limit[np.isinf(rounded) & np.isfinite(r)] = np.inf
    truth = np.where(np.isfinite(truth) | ~np.isfinite(r), truth, r)
    return _parts(truth, r, limit, norm_limit)


def _parts(
    truth: np.ndarray, reference: np.ndarray, limit: np.ndarray, norm_limit: float
) -> dict[str, np.ndarray]:
    arrays = {"truth": truth, "reference": reference, "limit": limit}
    return {**arrays, "norm_limit": np.array(norm_limit)}


def _known(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.float32) if dtype.kind == "V" or bits_of(dtype) is not None else dtype


def _sources(framework: str, law: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The judge's own functions that the script needs, as they are, and their names."""
    names = {name: name for name in ("poison", "relayout", "shares_memory")}
    if framework == "mindspore":  # that script imports them
        return {**names, "pin": "", "sources": []}
    plugin = FRAMEWORKS.get(framework)
    functions: list[Any] = [plugin.poison] if fields["calls"] else []
    if fields["makes_inputs"] or fields["layout"] != "as_given":
        functions.append(plugin.relayout)
    if fields["check"] == "output_aliases_input":
        functions.append(plugin.shares_memory)
    pin = ""
    if framework == "torch":  # NumPy has no precision to set
        pin = plugin.pin.__name__
        functions.append(plugin.pin)
    if fields["makes_inputs"] and law in laws.LAWS:
        functions.append(laws.LAWS[law])
    return {
        **{name: getattr(plugin, name).__name__ for name in names},
        "pin": pin,
        "sources": [source_of(function) for function in functions],
    }


def _data_files(folder: Path, fields: Mapping[str, Any]) -> list[str]:
    lines = {
        "inputs.npz": "the failing inputs",
        "state.npz": "parameters, buffers and constructor arguments",
        "expected.npz": "float64 truth, the reference's output, and what is allowed per element",
    }
    return [f"{name:13} {line}" for name, line in lines.items() if (folder / name).exists()]


def _rendered(fields: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Python source, not HTML
    )
    environment.filters["literal"] = repr
    needs = {"numpy": "NumPy", "torch": "NumPy and torch"}
    packages = needs.get(fields["framework"], "NumPy, mindspore and kernelwright")
    if fields["framework"] == "numpy" and fields["bits"]:
        packages = "NumPy and ml_dtypes"
    text = environment.get_template("reproduce.py.j2").render({**fields, "needs": packages})
    return _tidy(text)


def _tidy(text: str) -> str:
    """At most two empty lines in a row."""
    while "\n\n\n\n" in text:
        text = text.replace("\n\n\n\n", "\n\n\n")
    return text
