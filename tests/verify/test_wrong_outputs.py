"""Wrong outputs are refused by the real judge, each by the check that is meant for it."""

from __future__ import annotations

import importlib.util

import pytest
from tests.verify.corpora.judged_tables import judged
from tests.verify.corpora.wrong_models import TORCH_TABLES
from tests.verify.corpora.wrong_outputs import TABLES, Wrong

from kernelwright.schema import Evaluation, Status

if importlib.util.find_spec("torch") is not None:
    TABLES = {**TABLES, **TORCH_TABLES}

WRONG = [(table, name) for table, (_, wrong) in TABLES.items() for name in wrong]
STATUS = {
    "not_finite": Status.WRONG_VALUE,
    "element_error": Status.WRONG_VALUE,
    "norm_error": Status.WRONG_VALUE,
    "exact": Status.WRONG_VALUE,
    "shape": Status.WRONG_SHAPE,
    "dtype": Status.WRONG_DTYPE,
    "structure": Status.WRONG_STRUCTURE,
    "state": Status.WRONG_STRUCTURE,
}


def found(table: str, name: str) -> tuple[Evaluation, Wrong | None]:
    entries, wrong = TABLES[table]
    return judged(entries, strict=True)[name], wrong.get(name)


@pytest.mark.parametrize(("table", "name"), WRONG)
def test_a_wrong_output_is_refused_by_its_own_check(table: str, name: str) -> None:
    evaluation, wrong = found(table, name)
    assert wrong is not None
    assert evaluation.check in wrong.checks, evaluation
    assert evaluation.status is STATUS[evaluation.check or ""]
    if evaluation.check == "state":
        return
    assert "(law " in evaluation.reason and ", seed " in evaluation.reason
    if evaluation.status is not Status.WRONG_VALUE:
        return
    error = evaluation.error
    assert error is not None and error.laws and error.seeds
    assert f"(law {error.laws[-1]}, seed {error.seeds[-1]})" in evaluation.reason
    assert f"[{', '.join(map(str, error.worst_index))}]" in evaluation.reason
    assert error.worst_value is not None and error.worst_truth is not None
    assert error.worst_value != error.worst_truth  # also when it is NaN
    if wrong.worst is not None:
        assert error.worst_index == wrong.worst
    if wrong.laws:
        assert error.laws[-1] in wrong.laws, evaluation.reason


@pytest.mark.parametrize("table", TABLES)
def test_the_right_ones_among_them_pass(table: str) -> None:
    entries, wrong = TABLES[table]
    right = {name: e for name, e in judged(entries, strict=True).items() if name not in wrong}
    assert right or table == "million"
    for name, evaluation in right.items():
        assert evaluation.passed, (name, evaluation)


def test_there_are_enough_of_them() -> None:
    assert (
        len(WRONG) >= 35 and len({w.source for _, t in TABLES.values() for w in t.values()}) >= 100
    )
