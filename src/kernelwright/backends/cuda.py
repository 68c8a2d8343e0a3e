"""NVIDIA GPUs, found through nvidia-smi so that the main process needs neither torch nor CUDA."""

from __future__ import annotations

import re
import subprocess

from kernelwright.backends._base import Backend, DeviceInfo, allocator_env
from kernelwright.config import cuda_variables, visible_cuda_devices
from kernelwright.errors import UnknownNameError, UsageError

# Compute capabilities: https://developer.nvidia.com/cuda-gpus
ARCHS = {
    **dict.fromkeys(("v100",), "sm_70"),
    **dict.fromkeys(("t4",), "sm_75"),
    **dict.fromkeys(("a100", "a30", "a800"), "sm_80"),
    **dict.fromkeys(("a2", "a10", "a16", "a40", "rtx3090", "rtx3080", "rtx3070"), "sm_86"),
    **dict.fromkeys(("l4", "l20", "l40", "l40s", "rtx4090", "rtx4080"), "sm_89"),
    **dict.fromkeys(("h20", "h100", "h200", "h800", "gh200"), "sm_90"),
    **dict.fromkeys(("b100", "b200", "gb200"), "sm_100"),
    **dict.fromkeys(("b300", "gb300"), "sm_103"),
    **dict.fromkeys(("rtx5090", "rtx5080"), "sm_120"),
}
# A name that the table lacks goes by its family, so that next year's card is not refused.
_FAMILIES = (
    (r"a\d+", "sm_80"),
    (r"h\d+", "sm_90"),
    (r"l\d+s?", "sm_89"),
    (r"v\d+", "sm_70"),
    (r"t\d+", "sm_75"),
    (r"b\d+", "sm_100"),
    (r"rtx20\d\d(ti)?", "sm_75"),
    (r"rtx30\d\d(ti)?", "sm_86"),
    (r"rtx40\d\d(ti)?", "sm_89"),
    (r"rtx\d{4}(ti)?", "sm_120"),
    (r"gtx16\d\d(ti)?", "sm_75"),
    (r"gtx\d{3,4}(ti)?", "sm_61"),
)
# Bytes of L2 where only the architecture is known (vendor white papers, largest part of each);
# a worker on the device reads the true number.
_L2_BYTES = {"sm_70": 6, "sm_75": 6, "sm_80": 40, "sm_86": 6, "sm_89": 96, "sm_90": 60}
_L2_BYTES |= {"sm_100": 126, "sm_103": 126, "sm_120": 128}
_QUERY = "index,uuid,name,compute_cap,memory.total,driver_version"


def normalize_arch(text: str) -> str:
    name = re.sub(r"[\s_-]", "", text.strip().lower()).removeprefix("nvidia")
    if match := re.fullmatch(r"(?:sm|compute)(\d{2,3})[af]?", name):
        return f"sm_{match[1]}"
    if name in ARCHS:
        return ARCHS[name]
    for pattern, arch in _FAMILIES:
        if re.fullmatch(pattern, name):
            return arch
    raise UnknownNameError("cuda arch", text, [*ARCHS, *sorted(set(ARCHS.values()))])


def default_arch() -> str:
    found = devices()
    if not found:
        raise UsageError(
            "no CUDA device was found (nvidia-smi lists none); name the target, "
            "for instance arch h100 or sm_90"
        )
    return found[0].arch


def devices() -> list[DeviceInfo]:
    """The visible GPUs, renumbered from 0 as CUDA_VISIBLE_DEVICES renumbers them for a child."""
    rows = _visible(
        parse_query(_nvidia_smi(f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"))
    )
    return [_device(index, row) for index, row in enumerate(rows)]


def parse_query(text: str) -> list[dict[str, str]]:
    """Rows of ``nvidia-smi --query-gpu`` in CSV without header and units; other lines dropped."""
    names = _QUERY.split(",")
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return [dict(zip(names, row)) for row in rows if len(row) == len(names) and row[0].isdigit()]


def clocks(index: int) -> dict[str, str]:
    """Clocks, temperature, power and throttle reasons of one visible GPU now; {} without one."""
    fields = "clocks.sm,clocks.mem,temperature.gpu,power.draw,clocks_throttle_reasons.active"
    rows = _visible(
        parse_query(_nvidia_smi(f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"))
    )
    if not 0 <= index < len(rows):
        return {}
    text = _nvidia_smi(
        "-i", rows[index]["uuid"], f"--query-gpu={fields}", "--format=csv,noheader,nounits"
    )
    cells = [cell.strip() for cell in text.strip().split(",")]
    names = ("sm_clock_mhz", "memory_clock_mhz", "temperature_c", "power_w", "throttle_reasons")
    return dict(zip(names, cells)) if len(cells) == len(names) else {}


def _device(index: int, row: dict[str, str]) -> DeviceInfo:
    arch = "sm_" + row["compute_cap"].replace(".", "")
    memory = int(float(row["memory.total"])) << 20 if row["memory.total"][:1].isdigit() else 0
    l2 = _L2_BYTES.get(arch)
    return DeviceInfo(
        backend="cuda",
        index=index,
        name=row["name"],
        arch=arch,
        memory_bytes=memory,
        description=f"driver {row['driver_version']}",
        caches={"L2": l2 << 20} if l2 else None,
    )


def _visible(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    wanted = visible_cuda_devices()
    if wanted is None:
        return rows
    chosen = []
    for name in wanted:  # CUDA stops at the first name that it does not know
        match = [r for r in rows if r["index"] == name or r["uuid"].startswith(name)]
        if not match:
            break
        chosen.append(match[0])
    return chosen


def _nvidia_smi(*arguments: str) -> str:
    """What nvidia-smi prints; "" where there is none or it fails."""
    try:
        done = subprocess.run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def child_env(threads: int) -> dict[str, str]:
    # The order of nvidia-smi; CUDA's own default is "fastest first".
    return {**allocator_env(threads), "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **cuda_variables()}


def missing(framework: str) -> list[str]:
    return [] if devices() else ["a CUDA device (nvidia-smi lists none)"]


BACKEND = Backend(
    name="cuda",
    archs=ARCHS,
    normalize_arch=normalize_arch,
    default_arch=default_arch,
    devices=devices,
    torch_device=lambda index: f"cuda:{index}",
    child_env=child_env,
    missing=missing,
)
