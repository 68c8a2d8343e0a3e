"""A file that cannot be used gets one message: the file, the op, the field, what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kernelwright.errors import ReferenceBroken
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.testing.graphkernel import kernel, number, op, tensor

GRAPHKERNEL = FRAMEWORKS.get("graphkernel")


def good() -> dict[str, Any]:
    x, y, s, t, z = (tensor(n, (4, 6)) for n in "xystz")
    info = kernel("mul_add", [x, y], [z], [
        op("Mul", [x, number("c", 2.0)], [s]), op("Add", [s, y], [t]), op("Exp", [t], [z]),
    ])  # fmt: skip
    copied: dict[str, Any] = json.loads(json.dumps(info))  # each mention an object of its own
    return copied


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    *way, key, value = path

    def change(info: dict[str, Any]) -> None:
        at: Any = info
        for step in way:
            at = at[step]
        at[key] = value

    return change


def _drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    *way, key = path

    def change(info: dict[str, Any]) -> None:
        at: Any = info
        for step in way:
            at = at[step]
        del at[key]

    return change


_ADD = ("op_desc", 1)
FAULTS: dict[str, tuple[Callable[[dict[str, Any]], None], tuple[str, ...]]] = {
    "no_op_desc": (_drop("op_desc"), ("'op_desc' is missing",)),
    "misspelt_field": (_set("op_descs", []), ()),
    "unknown_op": (_set(*_ADD, "name", "Addd"), ("op_desc[1] (Addd).name", "'Add'")),
    "wrong_case": (_set(*_ADD, "name", "add"), ("unknown op 'add'", "did you mean 'Add'")),
    "custom": (_set(*_ADD, "name", "Custom"), ("Custom is not taken",)),
    "undefined": (
        _set(*_ADD, "input_desc", 1, 0, "tensor_name", "yy"),
        ("op_desc[1] (Add).input_desc", "'yy'", "did you mean 'y'", "'value'"),
    ),
    "dtype_mention": (
        _set(*_ADD, "input_desc", 1, 0, "data_type", "float16"),
        ("op_desc[1] (Add).input_desc[1].data_type", "'y' is float16 here and float32 there"),
    ),
    "unknown_dtype": (
        _set("input_desc", 0, 0, "data_type", "float23"),
        ("input_desc[0][0].data_type", "'float23'", "float32"),
    ),
    "shape_mention": (
        _set(*_ADD, "input_desc", 1, 0, "shape", [4, 5]),
        ("op_desc[1] (Add).input_desc[1].shape", "[4, 5]", "[4, 6]"),
    ),
    "result_shape": (
        _set(*_ADD, "output_desc", 0, "shape", [4, 7]),
        ("op_desc[1] (Add).output_desc.shape", "shape contradiction", "[4, 7]", "[4, 6]"),
    ),
    "result_dtype": (
        _set(*_ADD, "output_desc", 0, "data_type", "int32"),
        ("op_desc[1] (Add).output_desc.data_type", "int32", "float32", "Cast"),
    ),
    "bad_shape": (_set("input_desc", 1, 0, "shape", [4, "n"]), ("input_desc[1][0].shape",)),
    "free_rank": (_set("input_desc", 1, 0, "shape", [-2]), ("free number of axes",)),
    "no_name": (_drop(*_ADD, "output_desc", 0, "tensor_name"), ("'tensor_name' is missing",)),
    "no_outputs": (_set("output_desc", []), ("at least one output",)),
    "output_of_no_op": (_set("output_desc", 0, "tensor_name", "zz"), ("'zz'", "'z'")),
    "defined_twice": (
        _set(*_ADD, "output_desc", 0, "tensor_name", "s"),
        ("op_desc[1] (Add)", "'s' is already the result of op_desc[0] (Mul)"),
    ),
    "shadows_input": (_set(*_ADD, "output_desc", 0, "tensor_name", "x"), ("'x' is an input",)),
    "missing_operand": (
        _set(*_ADD, "input_desc", [[tensor("s", (4, 6))]]),
        ("op_desc[1] (Add).input_desc", "takes 2 operands, and 1"),
    ),
    "version": (_set("version", 7), ("version 7",)),
    "process": (_set("process", "cdua"), ("process", "did you mean 'cuda'")),
    "attr_form": (_set(*_ADD, "attr", [{"nam": "axis"}]), ("op_desc[1] (Add).attr[0]",)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_message(name: str) -> None:
    change, said = FAULTS[name]
    info = good()
    change(info)
    if not said:
        GRAPHKERNEL.load(json.dumps(info), "bad.json")
        return
    with pytest.raises(ReferenceBroken) as caught:
        GRAPHKERNEL.load(json.dumps(info), "bad.json")
    text = str(caught.value)
    assert text.startswith("bad.json: ") and "\n" not in text
    assert all(part in text for part in said), text
    assert caught.value.exit_code == 2 and caught.value.check == "info"


def test_the_good_file_is_good() -> None:
    assert len(GRAPHKERNEL.load(json.dumps(good()), "good.json").make_inputs(0)) == 2


def test_no_json() -> None:
    with pytest.raises(ReferenceBroken, match=r"bad.json: line 2, column \d+: no JSON"):
        GRAPHKERNEL.load('{"op":\n nothing}', "bad.json")


def test_cycle() -> None:
    info = good()
    info["op_desc"][0]["input_desc"][0][0]["tensor_name"] = "t"
    with pytest.raises(ReferenceBroken, match=r"cycle: op_desc\[0\] \(Mul\) needs op_desc\[1\]"):
        GRAPHKERNEL.load(json.dumps(info), "bad.json")


def test_attribute() -> None:
    x, y = tensor("x", (4, 6)), tensor("y", (6, 4))
    info = kernel("t", [x], [y], [op("Transpose", [x], [y], perm=[0, 0])])
    with pytest.raises(ReferenceBroken, match=r"\(Transpose\).attr.perm: .*name each axis once"):
        GRAPHKERNEL.load(json.dumps(info), "bad.json")
    info = kernel("t", [x], [y], [op("ReduceSum", [x], [y], axis=[3])])
    with pytest.raises(ReferenceBroken, match=r"axis 3 is outside .*use -2 to 1"):
        GRAPHKERNEL.load(json.dumps(info), "bad.json")


def test_an_axis_that_is_not_known() -> None:
    x, a, y = tensor("x", (4, 6)), tensor("a", (1,), "int64"), tensor("y", (4,))
    info = kernel("t", [x, a], [y], [op("ReduceSum", [x, a], [y], keep_dims=False)])
    with pytest.raises(ReferenceBroken, match=r"input_desc\[1\]: axis is an operand without a val"):
        GRAPHKERNEL.load(json.dumps(info), "bad.json")
    info["op_desc"][0]["input_desc"][1][0] = {**a, "value": [1]}
    GRAPHKERNEL.load("\ufeff" + json.dumps(info), "good.json")


def test_write_to_what_is_no_input() -> None:
    x, y, z = (tensor(n, (4,)) for n in "xyz")
    info = kernel("t", [x], [z], [op("Exp", [x], [y]), op("Assign", [y, x], [z])])
    with pytest.raises(ReferenceBroken, match="'y' is no input of the kernel"):
        GRAPHKERNEL.load(json.dumps(info), "bad.json")
