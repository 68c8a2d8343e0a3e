"""The agents of one task as its settings name them: builtin ones, models, or both mixed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kernelwright.agents.designer import DesignCheck
from kernelwright.agents.llm_adviser import LlmAdviser
from kernelwright.agents.llm_coder import LlmCoder
from kernelwright.agents.llm_designer import LlmDesigner
from kernelwright.agents.roles import Coder, Designer
from kernelwright.compiler.design import Design
from kernelwright.errors import ReferenceBroken, StoreError
from kernelwright.llm import (
    Budget,
    ChatModel,
    PriceTable,
    Replay,
    find_preset,
    open_model,
    read_prices,
    read_recording,
)
from kernelwright.llm.recording import FILE_NAME
from kernelwright.task.agent_settings import BUILTIN, AgentSettings, presets_path
from kernelwright.task.builtin_agents import SessionCoder, SessionDesigner
from kernelwright.task.session import Session
from kernelwright.task.steps import Agents
from kernelwright.verify.reference.process import Description


class SessionBench:
    """A Session as what an LLM's design is held against."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def describe(self) -> Description:
        return self.session.reference.describe()

    def check_text(self, design: Design) -> DesignCheck:
        return self.session.designer.check_text(design)


class Cast:
    """Opened models, one a preset, on one budget; ``close`` ends them. ``models`` replaces opening
    them (for a replay). ``agents`` makes a session's Designer and Coder."""

    def __init__(
        self, settings: AgentSettings, models: Mapping[str, ChatModel], budget: Budget
    ) -> None:
        self.settings, self.models, self.budget = settings, dict(models), budget

    def close(self) -> None:
        for model in {id(m): m for m in self.models.values()}.values():
            model.close()

    @property
    def names(self) -> dict[str, str]:
        """Preset -> the model's name."""
        return {preset: model.name for preset, model in self.models.items()}

    @property
    def agents(self) -> Agents:
        return Agents(self._designer, self._coder, self.budget)

    @property
    def adviser(self) -> LlmAdviser | None:
        name = self.settings.conductor
        return None if name == BUILTIN else LlmAdviser(self.models[name])

    def _designer(self, session: Session) -> Designer:
        if self.settings.designer == BUILTIN:
            return SessionDesigner(session)
        return LlmDesigner(
            self.models[self.settings.designer], SessionBench(session),
            fix=self.settings.fix, device=_device(session),
        )  # fmt: skip

    def _coder(self, session: Session) -> Coder:
        if self.settings.coder == BUILTIN:
            return SessionCoder(session)
        description: Description | None = None
        with suppress(ReferenceBroken):  # said when the judge runs it
            description = session.reference.describe()
        return LlmCoder(
            self.models[self.settings.coder], style=self.settings.style, fix=self.settings.fix,
            device=_device(session), description=description,
        )  # fmt: skip


def budget_of(settings: AgentSettings) -> Budget:
    """Raises UsageError for a price table that cannot be read."""
    prices = read_prices(Path(settings.prices).expanduser()) if settings.prices else PriceTable()
    return Budget(settings.limits, prices)


def open_cast(
    settings: AgentSettings, folder: Path, state_dir: Path, *, resume: bool = False
) -> Cast:
    """The agents, with every conversation recorded in ``folder``. With ``resume`` what is on record
    there is answered from it before any model is asked. Raises ModelError's and UsageError's."""
    budget = budget_of(settings)
    models: dict[str, ChatModel] = {}
    try:
        for name in settings.models:
            wanted = find_preset(name, presets_path(settings))
            models[name] = open_model(wanted, budget=budget, run_folder=folder, state_dir=state_dir)
    except BaseException:
        for model in models.values():
            model.close()
        raise
    if resume:
        models = {name: _continued(folder, model, budget) for name, model in models.items()}
    return Cast(settings, models, budget)


def _continued(folder: Path, model: ChatModel, budget: Budget) -> ChatModel:
    """``model`` behind what ``folder`` has on record of it."""
    try:
        recorded = read_recording(folder / FILE_NAME)
    except StoreError:
        return model
    answered = [e for e in recorded if e.result is not None and e.model == model.name]
    if not answered:
        return model
    return Replay(answered, live=model, fork_on_mismatch=True, budget=budget)


def _device(session: Session) -> str:
    return "" if session.device is None else session.device.name
