from __future__ import annotations

import inspect
import random
from pathlib import Path

import numpy as np
import pytest

from kernelwright.errors import ReferenceBroken
from kernelwright.frameworks._source import (
    import_candidate,
    init_inputs,
    load_module,
    require,
    seeded,
    user_code,
    user_location,
)

PATH = "some/task.py"


def test_module_is_visible_to_inspect_and_dataclasses() -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Model:\n    width: int = 3\n"
    )
    module = load_module(source, PATH)
    assert require(module, "Model")().width == 3
    assert inspect.getsource(module.Model).startswith("@dataclass")


def test_syntax_error_names_file_and_line() -> None:
    with pytest.raises(ReferenceBroken, match=r"some/task.py:2: .*'def f\(:'") as caught:
        load_module("x = 1\ndef f(:\n", PATH)
    assert caught.value.check == "syntax"


def test_null_bytes_are_a_syntax_error() -> None:
    with pytest.raises(ReferenceBroken) as caught:
        load_module("x = 1\0", PATH)
    assert caught.value.check == "syntax"


@pytest.mark.parametrize("line", ["import no_such_package_", "raise SystemExit(3)", "1 / 0"])
def test_a_file_that_raises_names_its_line(line: str) -> None:
    with pytest.raises(ReferenceBroken, match="some/task.py:3") as caught:
        load_module(f"\n\n{line}\n", PATH)
    assert caught.value.check == "module_raises"


@pytest.mark.parametrize(
    ("name", "check"), [("Model", "no_model"), ("get_inputs", "no_get_inputs")]
)
def test_require_says_what_the_file_defines(name: str, check: str) -> None:
    module = load_module("class MyModel:\n    pass\n\ndef get_input():\n    pass\n", PATH)
    with pytest.raises(ReferenceBroken, match="MyModel, get_input") as caught:
        require(module, name)
    assert caught.value.check == check
    assert "did you mean" in str(caught.value)


def test_location_is_the_innermost_user_frame() -> None:
    module = load_module("def f():\n    return g()\n\ndef g():\n    raise KeyError('k')\n", PATH)
    with pytest.raises(KeyError) as caught:
        module.f()
    assert user_location(caught.value, PATH) == f"{PATH}:5"
    with pytest.raises(ReferenceBroken, match=r"f\(\) raised KeyError: 'k' \(at some/task.py:5\)"):
        with user_code(PATH, "forward_raises", "f()"):
            module.f()


def test_init_inputs_are_optional_and_checked() -> None:
    assert init_inputs(load_module("", PATH)) == []
    assert init_inputs(load_module("def get_init_inputs(): return (1, 2)", PATH)) == [1, 2]
    with pytest.raises(ReferenceBroken, match="returned a int"):
        init_inputs(load_module("def get_init_inputs(): return 3", PATH))


def test_seeded_repeats_and_restores() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), np.random.default_rng().random()

    random.seed(7)
    expected = random.random()
    random.seed(7)
    with seeded(3):
        first = draw()
    assert random.random() == expected
    with seeded(3):
        assert draw() == first
    with seeded(4):
        assert all(a != b for a, b in zip(draw(), first))
    assert np.random.default_rng().random() != first[2]


def test_candidate_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_kernel.py").write_text("VALUE = 5\n")
    (tmp_path / "kernel.py").write_text("from neighbour_of_kernel import VALUE\n")
    assert import_candidate(tmp_path / "kernel.py").VALUE == 5
