"""Honest candidates pass the real judge under every law: another order of additions, another valid
algorithm, more precision than the reference, another index of a tie."""

from __future__ import annotations

import importlib.util

import pytest
from tests.verify.corpora.honest_arrays import HONEST_TABLES
from tests.verify.corpora.honest_models import HONEST_MODELS
from tests.verify.corpora.judged_tables import judged

TABLES = dict(HONEST_TABLES)
if importlib.util.find_spec("torch") is not None:
    TABLES.update(HONEST_MODELS)

# False alarms that are known, with what the judge says; each is removed when the rule is mended.
ENTRIES = [(table, name) for table, entries in TABLES.items() for name in entries.kernels]


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_an_honest_candidate_passes(table: str, name: str) -> None:
    evaluation = judged(TABLES[table])[name]
    assert evaluation.passed and evaluation.check is None, evaluation
    error = evaluation.error
    assert error is not None and error.candidate <= error.limit
    assert error.laws[0] == "own" and "misaligned" in error.laws and "non_contiguous" in error.laws
    if table not in ("integers", "counts"):  # nothing but integers is left as it is
        assert {"small_integers", "offset", "tiny", "zeros"} <= set(error.laws)
    assumes = "ASSUMES" in TABLES[table].kernels[name]
    assert ("special" in error.laws) is not (assumes or table in ("integers", "counts"))


def test_there_are_enough_of_them() -> None:
    assert len(ENTRIES) >= 45
