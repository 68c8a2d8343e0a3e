"""What a candidate can be written in (impl_type), one folder each, listed by ``DSLS``."""

from kernelwright.dsl._base import Dsl
from kernelwright.registry import Registry

DSLS: Registry[Dsl] = Registry("impl_type", "kernelwright.dsl", "DSL")

__all__ = ["DSLS", "Dsl"]
