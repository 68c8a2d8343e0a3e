"""Which model plays which agent, and how: from a Task's ``config`` or from the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelwright.agents.conversation import check_fix
from kernelwright.agents.llm_coder import STYLES
from kernelwright.errors import ConfigError, UsageError
from kernelwright.llm.budget import Limits

BUILTIN = "builtin"
ROLES = ("designer", "coder", "conductor")
# The reference system's names of one role's agents, the first one asked for first.
_NAMES = {
    "designer": ("aul_designer", "designer"),
    "conductor": ("conductor_analyze", "conductor_check", "conductor"),
}


@dataclass(frozen=True)
class AgentSettings:
    """``designer``, ``coder``, ``conductor``: a model preset each, or "builtin". ``presets``: a
    file of the user's own presets. ``fix``: how a model is asked again (conversation.FIXES).
    ``style``: what the Coder writes (llm_coder.STYLES). ``limits`` bound the whole task, with the
    price table in the file ``prices``. Holds no key. Raises UsageError."""

    designer: str = BUILTIN
    coder: str = BUILTIN
    conductor: str = BUILTIN
    presets: str = ""
    fix: str = "feedback"
    style: str = "dsl"
    limits: Limits = field(default_factory=Limits)
    prices: str = ""

    def __post_init__(self) -> None:
        check_fix(self.fix)
        if self.style not in STYLES:
            raise UsageError(f"llm_style must be one of {', '.join(STYLES)}, not {self.style!r}")

    @property
    def models(self) -> tuple[str, ...]:
        """The presets in use, each once."""
        named = (getattr(self, role) for role in ROLES)
        return tuple(dict.fromkeys(name for name in named if name != BUILTIN))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> AgentSettings:
        return AgentSettings(**{**data, "limits": Limits(**data.get("limits", {}))})


def settings_of(config: Mapping[str, Any], impl_type: str) -> AgentSettings:
    """What ``config`` (as of load_config) says for kernels of ``impl_type``. Raises UsageError."""
    budget = config.get("llm_budget") or {}
    known = [f.name for f in dataclasses.fields(Limits)]
    if not isinstance(budget, Mapping) or set(budget) - set(known):
        raise ConfigError(f"llm_budget may have the keys {', '.join(known)}; found {budget!r}")
    return AgentSettings(
        designer=_model(config, _NAMES["designer"]),
        coder=_model(config, (f"{impl_type}_coder", "coder")),
        conductor=_model(config, _NAMES["conductor"]),
        presets=str(config.get("llm_config_path") or ""),
        fix=str(config.get("llm_fix") or "feedback"),
        style=str(config.get("llm_style") or "dsl"),
        limits=Limits(**budget),
        prices=str(config.get("llm_prices_path") or ""),
    )


def limits_from(text: str) -> Limits:
    """Limits written as "requests=50,tokens=200000,cost=1.5,wall_s=600,evaluations=20". Raises
    UsageError."""
    kinds = {"requests": int, "tokens": int, "cost": float, "wall_s": float, "evaluations": int}
    found: dict[str, Any] = {}
    for part in (p.strip() for p in text.split(",") if p.strip()):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = kinds[name.strip()](value)
        except (KeyError, ValueError):
            raise UsageError(
                f"--llm-budget: {part!r} is none of {', '.join(f'{k}=NUMBER' for k in kinds)}"
            ) from None
    return Limits(**found)


def presets_path(settings: AgentSettings) -> Path | None:
    return Path(settings.presets).expanduser() if settings.presets else None


def _model(config: Mapping[str, Any], names: tuple[str, ...]) -> str:
    agents = config.get("agent_model_config") or {}
    asked = [str(agents[name]) for name in names if agents.get(name)]
    return next((name for name in asked if name != BUILTIN), BUILTIN)
