"""The sizes of one call to a kernel that is made for free ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any

from kernelwright.errors import UsageError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class FreeSizes:
    """What K.json says of them. ``sizes``: name, input, axis, and what the extent is divided by.
    ``inputs``, ``outputs``: an expression an axis (None: of a tensor that is not read, or not
    there). ``limits``: an expression and the most that it may be."""

    sizes: tuple[Mapping[str, Any], ...]
    inputs: tuple[Sequence[str] | None, ...]
    outputs: tuple[Sequence[str] | None, ...]
    limits: tuple[tuple[str, int], ...]

    @staticmethod
    def of(about: Mapping[str, Any]) -> FreeSizes | None:
        """Of a K.json's content; None for a kernel of one size."""
        if not about.get("sizes"):
            return None
        return FreeSizes(
            tuple(about["sizes"]), tuple(about["inputSizes"]), tuple(about["outputSizes"]),
            tuple((text, int(most)) for text, most in about["limits"]),
        )  # fmt: skip

    def values(self, name: str, shapes: Sequence[Shape]) -> dict[str, int]:
        """The sizes by name, in the entry's order, that inputs of these shapes have. Raises
        UsageError for shapes that do not go together or pass a limit."""
        known = {s["name"]: shapes[s["input"]][s["axis"]] // s["per"] for s in self.sizes}
        for place, (shape, texts) in enumerate(zip(shapes, self.inputs)):
            wanted = None if texts is None else self._shape(texts, known)
            if wanted is not None and tuple(shape) != wanted:
                raise UsageError(
                    f"{name}: input {place} has shape {list(shape)}, and {list(wanted)} goes with "
                    "the other inputs"
                )
        if min(known.values(), default=1) < 1:
            raise UsageError(f"{name} takes no inputs without elements")
        for text, most in self.limits:
            if self._value(text, known) > most:
                raise UsageError(
                    f"{name}: {text} is {self._value(text, known)}, at most {most} fit"
                )
        return known

    def output(self, index: int, known: Mapping[str, int]) -> Shape:
        """The shape of an output that is there."""
        texts = self.outputs[index]
        assert texts is not None
        return self._shape(texts, known)

    def _shape(self, texts: Sequence[str], known: Mapping[str, int]) -> Shape:
        return tuple(self._value(text, known) for text in texts)

    def _value(self, text: str, known: Mapping[str, int]) -> int:
        # K.json comes from the compiler, like the library beside it that is about to run.
        return int(eval(self._code[text], {"__builtins__": {}, "min": min, "max": max}, {**known}))

    @cached_property
    def _code(self) -> dict[str, CodeType]:
        shapes = [*self.inputs, *self.outputs]
        texts = {t for shape in shapes for t in shape or ()} | {t for t, _ in self.limits}
        return {t: compile(t, "<K.json>", "eval") for t in texts}
