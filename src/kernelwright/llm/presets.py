"""Models by name: packaged presets, the user's own file, and what the environment says."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from kernelwright.config import environment_of, model_variables
from kernelwright.errors import ConfigError, UnknownNameError, UsageError
from kernelwright.llm.chat import Sampling
from kernelwright.llm.provider import find_provider
from kernelwright.llm.secret import Secret
from kernelwright.llm.settings import ModelSettings, secrets

ENVIRONMENT = "env"  # the preset that the environment alone describes
_SAMPLING = ("temperature", "top_p", "seed", "max_tokens", "frequency_penalty", "presence_penalty")
_OTHER = frozenset(
    {
        "provider", "api_base", "model", "api_key_env", "headers_env", "enable_think", "without",
        "timeout_s", "idle_s", "at_once", "per_minute", "verify", "options", "stop", "extra",
    }
)  # fmt: skip


class PresetError(ConfigError, ValueError):
    """A preset is unknown, malformed, or lacks its key; a ValueError too."""


class UnknownPreset(UnknownNameError, ValueError):
    """No preset of that name; a ValueError too."""


def load_presets(path: Path | None = None) -> dict[str, Mapping[str, Any]]:
    """The packaged presets, overlaid with those of a yaml file. Raises PresetError."""
    text = (files("kernelwright.llm") / "presets.yaml").read_text("utf-8")
    found: dict[str, Mapping[str, Any]] = dict(yaml.safe_load(text))
    if path is None:
        return found
    try:
        given = yaml.safe_load(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PresetError(f"the presets in {path} cannot be read: {error}") from error
    if not isinstance(given, Mapping):
        raise PresetError(f"{path} must map preset names to their settings")
    return {**found, **{str(name): preset for name, preset in given.items()}}


def find_preset(
    name: str, path: Path | None = None, environ: Mapping[str, str] | None = None
) -> ModelSettings:
    """The settings of a preset, with its key from the variable that it names.

    "env" is AIKG_BASE_URL, AIKG_MODEL_NAME and AIKG_API_KEY. Raises UnknownPreset, or PresetError
    when the preset is malformed or its variable is not set (both ValueErrors).
    """
    variables = model_variables(environ)
    if name == ENVIRONMENT:
        return _of_environment(variables)
    presets = load_presets(path)
    pattern = (
        name
        if name in presets
        else next((p for p in presets if "*" in p and fnmatchcase(name, p)), None)
    )
    if pattern is None:
        raise UnknownPreset("model preset", name, [ENVIRONMENT, *presets])
    preset = presets[pattern]
    _check(name, preset)
    rest = name[len(pattern.split("*")[0]) :]
    base = str(preset.get("api_base", ""))
    for start, variable in (("ollama_", "OLLAMA_API_BASE"), ("vllm_", "VLLM_API_BASE")):
        if name.startswith(start) and variable in variables:
            base = variables[variable]
    try:
        return _settings(
            name, preset, base, str(preset.get("model", "")).format(rest=rest), environ
        )
    except (TypeError, ValueError, KeyError, UsageError) as error:
        if isinstance(error, PresetError):
            raise
        raise PresetError(f"the model preset {name!r} is malformed: {error}") from error


def _settings(
    name: str,
    preset: Mapping[str, Any],
    base: str,
    model: str,
    environ: Mapping[str, str] | None,
) -> ModelSettings:
    key = _variable(name, str(preset.get("api_key_env", "")), environ)
    headers = {
        str(header): _variable(name, str(variable), environ)
        for header, variable in dict(preset.get("headers_env", {})).items()
    }
    sampling = Sampling(
        **{k: preset[k] for k in _SAMPLING if k in preset},
        stop=tuple(preset.get("stop", ())),
        extra=dict(preset.get("extra", {})),
    )
    numbers: dict[str, Any] = {k: float(preset[k]) for k in ("timeout_s", "idle_s") if k in preset}
    limits: dict[str, Any] = {k: int(preset[k]) for k in ("at_once", "per_minute") if k in preset}
    provider = str(preset.get("provider", "openai_compatible"))
    find_provider(provider)
    return ModelSettings(
        provider=provider,
        model=model,
        base_url=base,
        api_key=Secret(key),
        headers=secrets(headers),
        sampling=sampling,
        without=frozenset(preset.get("without", ())),
        enable_think=preset.get("enable_think"),
        verify=bool(preset.get("verify", True)),
        options=dict(preset.get("options", {})),
        **numbers,
        **limits,
    )


def _of_environment(variables: Mapping[str, str]) -> ModelSettings:
    missing = [f"AIKG_{n}" for n in ("BASE_URL", "MODEL_NAME") if n not in variables]
    if missing:
        raise PresetError(f"the model preset 'env' needs the variables {', '.join(missing)}")
    think = variables.get("MODEL_ENABLE_THINK", "").lower()
    return ModelSettings(
        model=variables["MODEL_NAME"],
        base_url=variables["BASE_URL"],
        api_key=Secret(variables.get("API_KEY", "")),
        enable_think=None if not think else think in ("1", "true", "yes", "on", "enabled"),
    )


def _variable(preset: str, name: str, environ: Mapping[str, str] | None) -> str:
    if not name:
        return ""
    value = environment_of([name], environ).get(name, "")
    if not value:
        raise PresetError(f"the model preset {preset!r} needs its key in the variable {name}")
    return value


def _check(name: str, preset: Any) -> None:
    if not isinstance(preset, Mapping):
        raise PresetError(f"the model preset {name!r} must be a mapping")
    if "api_key" in preset:
        raise PresetError(
            f"the model preset {name!r} holds a key; name its variable (api_key_env) instead"
        )
    strange = sorted(set(preset) - set(_SAMPLING) - _OTHER)
    if strange:
        known = ", ".join(sorted([*_SAMPLING, *_OTHER]))
        raise PresetError(f"the model preset {name!r} has unknown keys {strange}; known: {known}")
