"""Frameworks that a reference can be written in, one module each, listed by ``FRAMEWORKS``."""

from kernelwright.frameworks._base import Framework
from kernelwright.registry import Registry

FRAMEWORKS: Registry[Framework] = Registry("framework", "kernelwright.frameworks", "FRAMEWORK")
