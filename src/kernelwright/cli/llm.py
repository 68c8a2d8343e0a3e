"""The options that bring language models into a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from kernelwright.errors import UsageError

if TYPE_CHECKING:
    from kernelwright.task.agent_work import AgentPlan

_PANEL = "Language models"

Llm = Annotated[
    str | None,
    typer.Option(
        metavar="PRESET",
        rich_help_panel=_PANEL,
        help="have a model make a kernel too: a preset (env, ollama_MODEL, deepseek_v3, one of "
        "--llm-presets) or a yaml file as of load_config",
    ),
]
LlmAgents = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        rich_help_panel=_PANEL,
        help="which agents the model plays: designer, coder, conductor; designer,coder when not "
        "given, and the builtin ones play the others",
    ),
]
LlmBudget = Annotated[
    str,
    typer.Option(
        metavar="LIMITS",
        rich_help_panel=_PANEL,
        help="such as requests=50,tokens=200000,cost=1.5,wall_s=600,evaluations=20",
    ),
]
LlmPresets = Annotated[
    str,
    typer.Option(metavar="FILE", rich_help_panel=_PANEL, help="a yaml file of your own presets"),
]
LlmPrices = Annotated[
    str,
    typer.Option(metavar="FILE", rich_help_panel=_PANEL, help="a price table, for cost limits"),
]
LlmFix = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        rich_help_panel=_PANEL,
        help="how it is asked again: feedback, edit, fresh, or mixed; feedback when not given",
    ),
]
LlmStyle = Annotated[
    str,
    typer.Option(
        metavar="STYLE",
        rich_help_panel=_PANEL,
        help="what it writes: dsl (the impl_type), or rewrite (plain framework code)",
    ),
]
WorkflowName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_PANEL,
        help="default, coder_only, verifier_only, conductor_connect_all, or a yaml file",
    ),
]


@dataclass(frozen=True)
class LlmOptions:
    """What was typed; ``plan`` is what it stands for."""

    llm: str | None
    agents: str
    budget: str
    presets: str
    prices: str
    fix: str
    style: str
    workflow: str

    def plan(self) -> AgentPlan | None:
        """None without ``--llm``. Raises UsageError."""
        if self.llm is None:
            given = [n for n, v in vars(self).items() if v]
            if given:
                name = given[0] if given[0] == "workflow" else f"llm-{given[0]}"
                raise UsageError(f"--{name} goes with --llm PRESET")
            return None
        from kernelwright.task.agent_settings import limits_from
        from kernelwright.task.agent_work import plan_from

        return plan_from(
            self.llm, agents=self.agents, workflow=self.workflow, fix=self.fix, style=self.style,
            limits=limits_from(self.budget) if self.budget else None, presets=self.presets,
            prices=self.prices,
        )  # fmt: skip
