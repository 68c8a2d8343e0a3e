"""The Designer under the reference system's name: the builtin one, made for a Session."""

from kernelwright.task.builtin_agents import SessionDesigner as AULDesigner

__all__ = ["AULDesigner"]
