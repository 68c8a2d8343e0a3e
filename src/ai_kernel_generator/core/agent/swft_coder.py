"""The Coder under the reference system's name; the impl_type is the task's."""

from kernelwright.task.builtin_agents import SessionCoder as SWFTCoder

__all__ = ["SWFTCoder"]
