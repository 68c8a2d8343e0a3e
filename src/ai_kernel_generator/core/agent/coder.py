"""The Coder of an impl_type."""

from __future__ import annotations

from kernelwright.backends import IMPL_TYPES
from kernelwright.task.builtin_agents import SessionCoder
from kernelwright.task.combination import TaskConfigError, normal_name
from kernelwright.task.session import Session


class CoderFactory:
    @staticmethod
    def create_coder(impl_type: str, session: Session) -> SessionCoder:
        """The Coder for ``impl_type`` on a session; raises ValueError for an unknown one."""
        if normal_name(impl_type) not in IMPL_TYPES:
            raise TaskConfigError(
                f"Unsupported impl_type: {impl_type}. Known: {', '.join(IMPL_TYPES)}."
            )
        return SessionCoder(session)


__all__ = ["CoderFactory"]
