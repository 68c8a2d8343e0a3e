"""Kernelwright: a reference operator in, a verified and measured kernel out."""

from __future__ import annotations

__version__ = "0.1.0"
