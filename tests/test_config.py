from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from kernelwright.config import (
    Config,
    cuda_variables,
    devices_from_environment,
    resolve,
    settings,
    visible_cuda_devices,
)
from kernelwright.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "kernelwright.toml"
    path.write_text(text)
    return path


def test_defaults_without_any_source(tmp_path: Path) -> None:
    config = resolve(directory=tmp_path, environ={})
    assert config == Config()
    assert config.threads == len(os.sched_getaffinity(0))


def test_each_source_beats_the_one_before(tmp_path: Path) -> None:
    write(tmp_path, "cxx = 'file'\nlog_level = 'debug'\n[timing]\nbudget_s = 1\nthreads = 7\n")
    environ = {"KERNELWRIGHT_TIMING_BUDGET_S": "2", "KERNELWRIGHT_CXX": "environment"}
    config = resolve({"timing.budget_s": 3.5, "cxx": None}, directory=tmp_path, environ=environ)
    assert config.log_level == "debug"
    assert config.cxx == "environment"
    assert config.timing.budget_s == 3.5
    assert config.threads == 7
    assert config.judge == Config().judge


def test_file_is_found_through_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path, "devices = [2, 3]\n")
    config = resolve(directory=tmp_path / "empty", environ={"KERNELWRIGHT_CONFIG": str(path)})
    assert config.devices == (2, 3)


def test_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve(environ={}).timing.budget_s = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[timing]\nbuget_s = 1\n", "'timing.budget_s'"),
        ("[timming]\nbudget_s = 1\n", "'timing.budget_s'"),
        ("[timing\n", "kernelwright.toml"),
        ("[timing]\nthreads = 1.5\n", "whole number"),
        ("[timing]\nthreads = true\n", "whole number"),
        ("[timing]\nbudget_s = -1\n", "negative"),
        ("[timing]\ncold = 'maybe'\n", "yes or no"),
        ("timing = 3\n", "unknown setting 'timing'"),
        ("log_level = 'loud'\n", "debug, info"),
        ("devices = [0, 0]\n", "none twice"),
        ("cxx = ''\n", "expected a text"),
    ],
)
def test_bad_file_names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError, match=message):
        resolve(directory=tmp_path, environ={})


def test_missing_named_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        resolve(file=tmp_path / "nowhere.toml", environ={})


def test_unknown_variable_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="KERNELWRIGHT_TIMING_BUDGET_S"):
        resolve(environ={"KERNELWRIGHT_TIMING_BUDGET": "1"})
    resolve(environ={"KERNELWRIGHT_CHILD_ANYTHING": "1"})  # for child processes: no setting


def test_unknown_argument_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'judge.laws'"):
        resolve({"judge.law": True}, environ={})


@pytest.mark.parametrize("key", settings())
def test_every_setting_can_be_given_as_variable(key: str) -> None:
    name = "KERNELWRIGHT_" + key.replace(".", "_").upper()
    text = {"log_level": "error"}.get(key, "1")
    config = resolve(environ={name: text})
    value: object = config
    for part in key.split("."):
        value = getattr(value, part)
    assert str(value) in {text, "True", "1.0", "(1,)"}


def test_device_override_of_the_reference_system(caplog: pytest.LogCaptureFixture) -> None:
    assert devices_from_environment({}) is None
    assert devices_from_environment({"AIKG_DEVICES_LIST": "3, 1"}) == (3, 1)
    assert devices_from_environment({"AIKG_DEVICES_LIST": "one"}) is None
    assert "ignored" in caplog.text


def test_visible_cuda_devices() -> None:
    assert visible_cuda_devices({}) is None
    assert visible_cuda_devices({"CUDA_VISIBLE_DEVICES": ""}) == ()
    assert visible_cuda_devices({"CUDA_VISIBLE_DEVICES": "1, GPU-ab"}) == ("1", "GPU-ab")


def test_cuda_children_inherit_only_what_finds_the_device() -> None:
    environ = {"CUDA_VISIBLE_DEVICES": "1", "LD_LIBRARY_PATH": "/driver", "SECRET": "s"}
    assert cuda_variables(environ) == {"CUDA_VISIBLE_DEVICES": "1", "LD_LIBRARY_PATH": "/driver"}
