"""The text of a task file around a forward method."""

from __future__ import annotations

import textwrap

HEAD = """\
import math
import typing

import torch
import torch.nn as nn
import torch.nn.functional as F

"""


def words(text: str) -> list[str]:
    """A list of names, written as text."""
    return text.split()


def _indent(text: str, by: int) -> str:
    return textwrap.indent(textwrap.dedent(text).strip(), " " * by)


def model(
    arguments: str, body: str, inputs: str, init: str = "pass", *, takes: str = "", given: str = ""
) -> str:
    """``body`` is forward's, its last line an expression; ``init`` the constructor's, which
    ``takes`` arguments beside self that get_init_inputs() has ``given``."""
    *lines, last = textwrap.dedent(body).strip().splitlines()
    forward = _indent("\n".join([*lines, f"return {last}"]), 8)
    return (
        f"{HEAD}\nclass Model(nn.Module):\n    def __init__(self{takes and ', ' + takes}):\n"
        f"        super().__init__()\n{_indent(init, 8)}\n\n"
        f"    def forward(self, {arguments}):\n{forward}\n\n\n"
        f"def get_inputs():\n    return [{inputs}]\n\n\n"
        f"def get_init_inputs():\n    return [{given}]\n"
    )


def written(classes: str, inputs: str, given: str = "") -> str:
    """A task file whose classes, Model among them, are ``classes``."""
    return (
        f"{HEAD}\n{textwrap.dedent(classes).strip()}\n\n\n"
        f"def get_inputs():\n    return [{inputs}]\n\n\n"
        f"def get_init_inputs():\n    return [{given}]\n"
    )
