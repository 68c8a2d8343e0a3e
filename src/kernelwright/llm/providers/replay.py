"""A recorded run as a model: ``options: {run: <run folder or llm.jsonl>}``.

It answers whole requests, so no retries, modes or limits come between (see llm/replaying.py).
"""

from __future__ import annotations

from pathlib import Path

from kernelwright.errors import ConfigError
from kernelwright.llm.replaying import Replay
from kernelwright.llm.settings import ModelSettings


def _from_settings(settings: ModelSettings) -> Replay:
    run = settings.options.get("run")
    if not run:
        raise ConfigError("the replay provider needs options: {run: <folder of a recorded run>}")
    return Replay.of(Path(run).expanduser())


PROVIDER = _from_settings
