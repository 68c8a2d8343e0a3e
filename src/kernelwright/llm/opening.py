"""From settings to a ChatModel that is ready for use."""

from __future__ import annotations

from pathlib import Path

from kernelwright.llm.budget import Budget
from kernelwright.llm.chat import ChatModel
from kernelwright.llm.client import Client
from kernelwright.llm.limiter import limiter_for
from kernelwright.llm.memory import EndpointMemory
from kernelwright.llm.presets import find_preset
from kernelwright.llm.provider import find_provider
from kernelwright.llm.recording import FILE_NAME, Recorded, Recorder
from kernelwright.llm.replaying import Replay
from kernelwright.llm.retry import RetryPolicy
from kernelwright.llm.settings import ModelSettings


def open_model(
    settings: ModelSettings,
    *,
    budget: Budget | None = None,
    run_folder: Path | None = None,
    state_dir: Path | None = None,
    retry: RetryPolicy | None = None,
) -> ChatModel:
    """A model with retries, modes, its endpoint's limiter and the ``budget``; close it after use.

    ``run_folder``: conversations are recorded in its llm.jsonl. ``state_dir``: where what the
    endpoint supports is remembered (None: only in this object). Raises UnknownProvider,
    MissingDependencyError, UsageError (no price for a model under a cost limit); asks nothing yet.
    """
    provider = find_provider(settings.provider)(settings)
    if isinstance(provider, Replay):  # answers as the whole did, what is around it included
        provider.budget = budget
        return _recorded(provider, run_folder)
    if budget is not None:
        budget.check_model(provider.name)
    client = Client(
        provider,
        budget=budget,
        limiter=limiter_for(
            provider.endpoint,
            provider.account,
            at_once=settings.at_once,
            per_minute=settings.per_minute,
        ),
        retry=retry,
        memory=EndpointMemory(provider.endpoint, provider.name, state_dir),
        sampling=settings.sampling,
        never=settings.without,
        timeout_s=settings.timeout_s,
    )
    return _recorded(client, run_folder)


def _recorded(model: ChatModel, run_folder: Path | None) -> ChatModel:
    return model if run_folder is None else Recorded(model, Recorder(run_folder / FILE_NAME))


def create_model(name: str, config_path: str | Path | None = None) -> ChatModel:
    """The model that a preset names, without budget or record. Raises ValueError for an unknown
    preset, or one whose key is not set."""
    return open_model(find_preset(name, None if config_path is None else Path(config_path)))
