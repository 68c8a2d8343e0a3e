"""impl_type mlir as a person or a model writes it: static checks and the guide (guide.md)."""

from pathlib import Path

from kernelwright.dsl._base import Dsl
from kernelwright.dsl._source import check_source

DSL = Dsl("mlir", check_source, Path(__file__).with_name("guide.md"))

__all__ = ["DSL", "check_source"]
