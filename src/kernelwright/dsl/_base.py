"""What an impl_type's folder offers beside its printer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernelwright.schema import Candidate


@dataclass(frozen=True)
class Dsl:
    """``check_source(text)`` lists what is wrong with a candidate file, without running it.
    ``guide`` is the text for authors. ``compile_ahead(candidate)`` compiles a generated candidate
    for a device that need not be there and returns a remark for the report; it raises CompileError,
    or UnsupportedError when the file does not say how it is launched. None: nothing to compile."""

    name: str
    check_source: Callable[[str], list[str]]
    guide: Path
    compile_ahead: Callable[[Candidate], str] | None = None
