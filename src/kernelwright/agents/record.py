"""What the agents of one task did, step by step: the only thing that the Conductor looks at."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum

from kernelwright.compiler.design import Design
from kernelwright.schema import Candidate, Evaluation


class ActionType(Enum):
    """What happens next. The values are the names that stand in file names and logs."""

    DO_DESIGNER = "DoDesigner"
    FIX_DESIGNER = "FixDesigner"
    DO_CODER = "DoCoder"
    FIX_CODER = "FixCoder"
    DO_CODER_DIRECT = "DoCoderDirect"  # code without a design that anybody has seen
    VERIFY = "Verify"
    EXIT = "Exit"


DESIGNER_ACTIONS = frozenset({ActionType.DO_DESIGNER, ActionType.FIX_DESIGNER})
CODER_ACTIONS = frozenset({ActionType.DO_CODER, ActionType.FIX_CODER, ActionType.DO_CODER_DIRECT})


@dataclass(frozen=True)
class ParsedCode:
    """The texts that a task has so far. True when there is any.

    ``aul_code`` is the design; ``<impl_type>_code`` the kernel's entry file.
    """

    aul_code: str = ""
    swft_code: str = ""
    triton_code: str = ""
    cpp_code: str = ""
    mlir_code: str = ""
    cuda_c_code: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in dataclasses.fields(self))

    def kernel(self, impl_type: str) -> str:
        """The kernel's text for ``impl_type``; "" when there is none."""
        return str(getattr(self, f"{impl_type}_code", ""))

    def impl_types(self) -> list[str]:
        """The impl_types that there is a kernel text for."""
        names = [f.name for f in dataclasses.fields(self) if f.name != "aul_code"]
        return [name.removesuffix("_code") for name in names if getattr(self, name)]

    def with_kernel(self, impl_type: str, text: str) -> ParsedCode:
        """A copy with another kernel text; raises ValueError for an unknown impl_type."""
        name = f"{impl_type}_code"
        if name not in {field.name for field in dataclasses.fields(self)}:
            raise ValueError(f"ParsedCode has no place for impl_type {impl_type!r}")
        return dataclasses.replace(self, **{name: text})

    def with_design(self, text: str) -> ParsedCode:
        return dataclasses.replace(self, aul_code=text)


@dataclass(frozen=True)
class Record:
    """One finished step.

    ``ok``: the step gave what it should (a design, a kernel, a passed verification). ``hopeless``:
    nobody who could be asked can mend it (the task or the machine is at fault). ``parsed_code``,
    ``design`` and ``candidate`` are what the task has *after* the step. ``result`` is what the step
    said for people, ``error_log`` what went wrong.
    """

    action_type: ActionType
    ok: bool
    parsed_code: ParsedCode = ParsedCode()
    result: str = ""
    error_log: str = ""
    hopeless: bool = False
    design: Design | None = None
    candidate: Candidate | None = None
    evaluation: Evaluation | None = None  # of a VERIFY step
    prompt: str = ""  # of an LLM's step
    reasoning: str = ""
    feedback: str = ""  # of a VERIFY step: the judge's word for an agent, as JSON
    author: str = ""  # who wrote ``design``: "builtin", "llm:<model>"; "" for nobody known
