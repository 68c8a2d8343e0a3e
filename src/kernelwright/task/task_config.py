"""``load_config``: the dict that a Task takes as ``config``, with the reference system's keys."""

from __future__ import annotations

import logging
import secrets
import string
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from kernelwright.backends import IMPL_TYPES
from kernelwright.config import log_dir_from_environment
from kernelwright.errors import ConfigError
from kernelwright.llm.presets import load_presets
from kernelwright.task.combination import normal_name

log = logging.getLogger(__name__)


class TaskConfigFileError(ConfigError, ValueError):
    """The file that ``load_config`` was given is wrong, or names what does not exist."""


def load_config(dsl: str | Path = "", config_path: str | Path | None = None) -> dict[str, Any]:
    """The defaults, overlaid with the yaml file at ``config_path``.

    The first argument is a path when it is a Path, names an existing file or ends in .yaml; else it
    is a dsl (impl_type). ``log_dir`` comes back as a Path that ends in ``Task_<8 characters>``,
    different each time; the variable AIKG_LOG_DIR, when set, is what it starts with. Raises
    TaskConfigFileError (a ValueError) for an unknown dsl, agent or model preset, or a bad file.
    """
    if config_path is None and _is_path(dsl):
        dsl, config_path = "", dsl
    if dsl and normal_name(str(dsl)) not in IMPL_TYPES:
        raise TaskConfigFileError(
            f"load_config: {str(dsl)!r} is neither a yaml file nor a dsl; "
            f"known dsl: {', '.join(IMPL_TYPES)}"
        )
    default = default_settings()
    settings = dict(default)
    given: Mapping[str, Any] = {}
    if config_path is not None:
        given = _read(Path(config_path).expanduser())
        for key, value in given.items():
            if isinstance(value, Mapping) and isinstance(settings.get(key), Mapping):
                value = {**settings[key], **value}
            settings[key] = value
    _check_agents(settings, default, config_path)
    settings["agent_model_config"] = _completed(settings["agent_model_config"], given)
    parent = log_dir_from_environment() or Path(str(settings["log_dir"])).expanduser()
    settings["log_dir"] = parent / f"Task_{_random_name()}"
    return settings


def default_settings() -> dict[str, Any]:
    """The packaged defaults, as they stand in default_config.yaml."""
    text = (files("kernelwright.task") / "default_config.yaml").read_text("utf-8")
    settings: dict[str, Any] = yaml.safe_load(text)
    return settings


def documents(settings: Mapping[str, Any]) -> list[str]:
    """The texts (*.md, *.txt) in the folders of ``docs_dir``, for models. Raises
    TaskConfigFileError for a folder that cannot be read."""
    folders = (settings.get("docs_dir") or {}).values()
    found: dict[Path, str] = {}
    for folder in (Path(str(f)).expanduser() for f in folders if f):
        try:
            paths = sorted(p for p in folder.iterdir() if p.suffix in (".md", ".txt"))
            found |= {path: path.read_text(encoding="utf-8") for path in paths}
        except (OSError, UnicodeDecodeError) as error:
            raise TaskConfigFileError(f"docs_dir: {folder} cannot be read: {error}") from error
    return list(found.values())


def _completed(agents: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``agents``, where those that the file does not name are what it says of their kind
    ("designer" for "aul_designer"), else its "default"."""
    named = given.get("agent_model_config") or {}
    kinds = ("designer", "coder", "conductor")

    def model(agent: str) -> Any:
        if agent in named:
            return named[agent]
        kind = next((k for k in kinds if k in agent), "")
        return named.get(kind, named.get("default", agents[agent]))

    return {agent: model(agent) for agent in agents}


def _is_path(text: str | Path) -> bool:
    if isinstance(text, Path) or text.endswith((".yaml", ".yml")):
        return True
    return bool(text) and Path(text).is_file()


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaskConfigFileError(f"there is no configuration file {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskConfigFileError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, Mapping):
        raise TaskConfigFileError(f"{path} holds no settings; see load_config() for their names")
    return found


def _check_agents(
    settings: Mapping[str, Any], default: Mapping[str, Any], path: str | Path | None
) -> None:
    agents, known = settings["agent_model_config"], default["agent_model_config"]
    if not isinstance(agents, Mapping):
        raise TaskConfigFileError(f"{path}: agent_model_config must map agents to model presets")
    for agent, model in agents.items():
        if agent not in known:
            raise TaskConfigFileError(
                f"{path}: unknown agent {agent!r} in agent_model_config; known: {', '.join(known)}"
            )
        known_models = [*settings["model_presets"], *_own_presets(settings, path)]
        if not any(fnmatchcase(str(model), pattern) for pattern in known_models):
            raise TaskConfigFileError(
                f"{path}: unknown model preset {model!r} for agent {agent!r}; "
                f"known: {', '.join(known_models)}"
            )


def _own_presets(settings: Mapping[str, Any], path: str | Path | None) -> list[str]:
    """The names in the user's own file of presets."""
    own = settings.get("llm_config_path")
    if not own:
        return []
    try:
        return list(load_presets(Path(str(own)).expanduser()))
    except ConfigError as error:
        raise TaskConfigFileError(f"{path}: llm_config_path: {error}") from error


def _random_name() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
