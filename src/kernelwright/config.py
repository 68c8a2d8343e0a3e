"""Configuration: defaults < file < environment < arguments, resolved once into a frozen Config.

Every setting has one dotted key, which is a path into Config: ``timing.budget_s`` is written
``[timing] budget_s = 5`` in ``kernelwright.toml``, ``KERNELWRIGHT_TIMING_BUDGET_S=5`` in the
environment, and ``{"timing.budget_s": 5}`` as an argument. Unknown keys are errors that name the
nearest known one. This is the only module of the main process that reads ``os.environ``.
"""

from __future__ import annotations

import dataclasses
import difflib
import logging
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import platformdirs

from kernelwright.errors import ConfigError

FILE_NAME = "kernelwright.toml"
PREFIX = "KERNELWRIGHT_"
# Names with our prefix that are not settings: the path of the file, and what our own child
# processes are told.
FILE_VARIABLE = PREFIX + "CONFIG"
CHILD_PREFIX = PREFIX + "CHILD_"
# Names that the reference system's users already set.
DEVICE_VARIABLES = ("AIKG_DEVICES_LIST", "AKG_AGENTS_DEVICES_LIST")
LOG_DIR_VARIABLES = ("AIKG_LOG_DIR", "AKG_AGENTS_LOG_DIR")
LOG_LEVEL_VARIABLE = "AIKG_LOG_LEVEL"  # 0 debug, 1 info, 2 warning, 3 error
LOG_LEVELS = ("debug", "info", "warning", "error")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """Wall-clock limits in seconds for one request to a child process."""

    reference_s: float = 120.0  # construct the Model, or run it once
    candidate_s: float = 120.0  # load a candidate (which may compile), or run it once
    compile_s: float = 300.0  # one run of a compiler, or of torch.compile


@dataclass(frozen=True)
class Judge:
    """``seeds``: input sets per law. ``laws``: also the judge's own input laws, not only the
    Model's ``get_inputs``. ``finite_inputs``: a promise that no input ever holds NaN or infinities.
    ``strict_ieee``: where the reference gives NaN or an infinity a kernel must give the same one.
    ``allow_unsandboxed``: run candidates as plain child processes where no isolation can be had
    (said in the report)."""

    seeds: int = 3
    laws: bool = True
    finite_inputs: bool = False
    strict_ieee: bool = False
    allow_unsandboxed: bool = False


@dataclass(frozen=True)
class Timing:
    """``budget_s``: measuring time for one candidate with its baselines. ``threads``: intra-op
    threads of candidate and baselines alike; 0 means every core that this process may use."""

    budget_s: float = 3.0
    threads: int = 0
    cold: bool = True


@dataclass(frozen=True)
class Config:
    """``state_dir`` keeps what must last (store, peaks, locks), ``cache_dir`` what may be deleted.

    ``devices`` are the device ids that a DevicePool starts with. ``cxx`` is the C++ compiler.
    """

    cache_dir: Path = field(default_factory=lambda: Path(platformdirs.user_cache_dir(_APP)))
    state_dir: Path = field(default_factory=lambda: Path(platformdirs.user_state_dir(_APP)))
    log_level: str = "info"
    devices: tuple[int, ...] = (0,)
    cxx: str = "c++"
    timeouts: Timeouts = field(default_factory=Timeouts)
    judge: Judge = field(default_factory=Judge)
    timing: Timing = field(default_factory=Timing)

    @property
    def threads(self) -> int:
        """Intra-op threads that both sides of a measurement use, at least 1."""
        return self.timing.threads or len(os.sched_getaffinity(0))


_APP = "kernelwright"


def resolve(
    arguments: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """The Config from all sources. ``arguments`` maps dotted keys to values; None is "not given".

    ``file`` is read when given; otherwise the file that ``KERNELWRIGHT_CONFIG`` names, otherwise
    ``kernelwright.toml`` in ``directory`` (default: the working directory) if it exists.
    Raises ConfigError for a missing or malformed file, an unknown key or a bad value.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    path = _find_file(file, directory, environ)
    if path is not None:
        values.update(_from_file(path))
    values.update(_from_environment(environ))
    for key, value in (arguments or {}).items():
        if value is not None:
            _check_known(key, "argument")
            values[key] = _convert(key, value, f"argument {key}")
    return _build(values)


@cache
def settings() -> Mapping[str, Any]:
    """Every dotted key with its type, in the order of the dataclasses."""
    return dict(_walk(Config, ""))


def devices_from_environment(environ: Mapping[str, str] | None = None) -> tuple[int, ...] | None:
    """The ids in ``AIKG_DEVICES_LIST`` ("0,1"), which override what a script asks of a DevicePool.

    None when unset. Unreadable text is warned about and ignored, as users of that name expect.
    """
    environ = os.environ if environ is None else environ
    for name in DEVICE_VARIABLES:
        text = environ.get(name, "").strip()
        if not text:
            continue
        try:
            return _device_ids(text, name)
        except ConfigError as error:
            logger.warning("%s It is ignored.", error)
    return None


def log_dir_from_environment(environ: Mapping[str, str] | None = None) -> Path | None:
    """Where tasks write their files, from ``AIKG_LOG_DIR``; None when unset."""
    environ = os.environ if environ is None else environ
    found = next((environ[name] for name in LOG_DIR_VARIABLES if environ.get(name)), None)
    return Path(found).expanduser() if found else None


def log_level_from_environment(environ: Mapping[str, str] | None = None) -> int:
    """The level of Python's logging that ``AIKG_LOG_LEVEL`` (0 to 3, default 1) stands for."""
    text = (os.environ if environ is None else environ).get(LOG_LEVEL_VARIABLE, "").strip()
    levels = {"0": logging.DEBUG, "1": logging.INFO, "2": logging.WARNING, "3": logging.ERROR}
    if text and text not in levels:
        logger.warning("%s=%r is none of 0, 1, 2, 3. It is ignored.", LOG_LEVEL_VARIABLE, text)
    return levels.get(text, logging.INFO)


def visible_cuda_devices(environ: Mapping[str, str] | None = None) -> tuple[str, ...] | None:
    """The entries of ``CUDA_VISIBLE_DEVICES`` (ids or UUIDs); None when unset (all are visible)."""
    text = (os.environ if environ is None else environ).get("CUDA_VISIBLE_DEVICES")
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def cuda_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child with an empty environment needs to see the same GPUs and find the driver."""
    environ = os.environ if environ is None else environ
    names = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "CUDA_HOME", "TRITON_LIBCUDA_PATH")
    return {name: environ[name] for name in names if name in environ}


# Names by which users of the reference system say which model to use, oldest prefix last.
_SECRET = re.compile(r"(^|_)(\w*KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.I)
_MODEL_PREFIXES = ("AKG_AGENTS_", "AIKG_")


def environment_of(
    names: Iterable[str], environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Those of ``names`` that are set, with their values."""
    environ = os.environ if environ is None else environ
    return {name: environ[name] for name in names if name in environ}


def secret_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """The names of set variables that look like keys, tokens or passwords: no process that runs a
    reference or a candidate is given them."""
    return [name for name in (os.environ if environ is None else environ) if _SECRET.search(name)]


def model_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What ``AIKG_BASE_URL``, ``AIKG_MODEL_NAME``, ``AIKG_API_KEY``, ``AIKG_MODEL_ENABLE_THINK``
    and the like (also with the prefix ``AKG_AGENTS_``, which wins) are set to, without prefix."""
    environ = os.environ if environ is None else environ
    names = ("BASE_URL", "MODEL_NAME", "API_KEY", "MODEL_ENABLE_THINK", "VLLM_API_BASE")
    found: dict[str, str] = {}
    for name in (*names, "OLLAMA_API_BASE"):
        texts = (environ.get(prefix + name, "").strip() for prefix in _MODEL_PREFIXES)
        if text := next(filter(None, texts), ""):
            found[name] = text
    return found


def ascend_home(environ: Mapping[str, str] | None = None) -> Path | None:
    """CANN's folder: ``ASCEND_HOME_PATH``, or its usual place; None when there is none."""
    text = (os.environ if environ is None else environ).get("ASCEND_HOME_PATH")
    path = Path(text) if text else Path("/usr/local/Ascend/ascend-toolkit/latest")
    return path if path.is_dir() else None


def _walk(cls: type, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, kind in get_type_hints(cls).items():
        if dataclasses.is_dataclass(kind):
            found.extend(_walk(kind, f"{prefix}{name}."))  # type: ignore[arg-type]
        else:
            found.append((prefix + name, kind))
    return found


def _find_file(
    file: Path | None, directory: Path | None, environ: Mapping[str, str]
) -> Path | None:
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"configuration file {named} does not exist")
        return named
    found = (directory or Path.cwd()) / FILE_NAME
    return found if found.is_file() else None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    values: dict[str, Any] = {}
    for key, value in _flatten(tree, ""):
        _check_known(key, str(path))
        values[key] = _convert(key, value, f"{path}: {key}")
    return values


def _flatten(tree: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        key = prefix + name
        if isinstance(value, dict) and key not in settings():
            found.extend(_flatten(value, key + ".") or [(key, value)])
        else:
            found.append((key, value))
    return found


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {PREFIX + key.replace(".", "_").upper(): key for key in settings()}
    values: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE or name.startswith(CHILD_PREFIX):
            continue
        if name not in names:
            raise ConfigError(
                f"unknown environment variable {name}." + _nearest(name, [*names, FILE_VARIABLE])
            )
        values[names[name]] = _convert(names[name], environ[name], f"variable {name}")
    return values


def _check_known(key: str, where: str) -> None:
    if key not in settings():
        raise ConfigError(f"{where}: unknown setting {key!r}." + _nearest(key, settings()))


def _nearest(name: str, names: Any) -> str:
    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(names)}."


def _convert(key: str, value: Any, where: str) -> Any:
    """``value`` (of TOML, text of the environment, or Python) as the setting's type."""
    kind = settings()[key]
    if kind is bool:
        result: Any = _boolean(value, where)
    elif kind is int or kind is float:
        result = _number(value, kind, where)
    elif kind is Path:
        result = Path(_text(value, where)).expanduser()
    elif get_args(kind):
        result = _device_ids(value, where)
    else:
        result = _text(value, where)
    if key == "log_level" and result not in LOG_LEVELS:
        raise ConfigError(f"{where}: {result!r} is none of {', '.join(LOG_LEVELS)}")
    return result


def _boolean(value: Any, where: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    found = value if isinstance(value, bool) else words.get(str(value).strip().lower())
    if found is None:
        raise ConfigError(f"{where}: {value!r} is not a yes or no (true, false, 1, 0)")
    return found


def _number(value: Any, kind: type, where: str) -> float:
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        number: float = kind(value)
    except (TypeError, ValueError) as error:
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{where}: {value!r} is not {what}") from error
    if not 0 <= number < float("inf"):
        raise ConfigError(f"{where}: {value!r} must be finite and not negative")
    return number


def _text(value: Any, where: str) -> str:
    if isinstance(value, (str, Path)) and str(value):
        return str(value)
    raise ConfigError(f"{where}: expected a text, found {value!r}")


def _device_ids(value: Any, where: str) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    try:
        ids = tuple(int(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}: {value!r} is not a list of device ids such as '0,1'"
        ) from error
    if not ids or min(ids) < 0 or len(set(ids)) != len(ids):
        raise ConfigError(f"{where}: {value!r} must name at least one device id, none twice")
    return ids


def _build(values: Mapping[str, Any]) -> Config:
    config = Config()
    for key, value in values.items():
        config = _replace(config, key.split("."), value)
    return config


def _replace(record: Any, path: list[str], value: Any) -> Any:
    if len(path) > 1:
        value = _replace(getattr(record, path[0]), path[1:], value)
    return dataclasses.replace(record, **{path[0]: value})
