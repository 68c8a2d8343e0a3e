"""impl_type cpp as a person or a model writes it: static checks and the guide (guide.md)."""

from kernelwright.dsl._source import check_source

__all__ = ["check_source"]
