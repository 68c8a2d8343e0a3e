"""Huawei Ascend NPUs. Names and checks only so far: nothing is compiled or run for them yet."""

from __future__ import annotations

import importlib.util
import re

from kernelwright.backends._base import Backend, DeviceInfo, allocator_env
from kernelwright.config import ascend_home
from kernelwright.errors import UnknownNameError, UsageError

_910_93 = ("9362", "9372", "9381", "9382", "9391", "9392")
ARCHS = {
    name: name
    for name in (
        "ascend310p3",
        "ascend910b1",
        "ascend910b2",
        "ascend910b2c",
        "ascend910b3",
        "ascend910b4",
        *(f"ascend910_{suffix}" for suffix in _910_93),
        "ascend950",
    )
}
_PATTERN = re.compile(r"ascend(310p3|910b[1-4]|910b2c|910_93\d\d|950[a-z0-9_]*)")


def normalize_arch(text: str) -> str:
    name = text.strip().lower()
    if not name.startswith("ascend"):
        name = "ascend" + name
    if not _PATTERN.fullmatch(name):
        raise UnknownNameError("ascend arch", text, ARCHS)
    return name


def default_arch() -> str:
    raise UsageError(
        "no Ascend device can be looked for yet; name the target, for instance arch ascend910b4"
    )


def missing(framework: str) -> list[str]:
    found = []
    if framework == "mindspore" and importlib.util.find_spec("mindspore") is None:
        found.append("MindSpore (pip install 'kernelwright[mindspore]')")
    if ascend_home() is None:
        found.append("CANN, Huawei's NPU toolkit (ASCEND_HOME_PATH names no folder)")
    found.append("Kernelwright's own Ascend pieces, which are not part of this version")
    return found


def devices() -> list[DeviceInfo]:
    return []


BACKEND = Backend(
    name="ascend",
    archs=ARCHS,
    normalize_arch=normalize_arch,
    default_arch=default_arch,
    devices=devices,
    torch_device=lambda index: f"npu:{index}",
    child_env=allocator_env,
    missing=missing,
)
