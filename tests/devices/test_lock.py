from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelwright.devices import DeviceBusy, device_lock
from kernelwright.errors import ConfigError

HOLDER = """
import sys
from pathlib import Path
from kernelwright.devices import device_lock
with device_lock("cpu", 0, Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_excludes_another_process_and_names_it(tmp_path: Path) -> None:
    process = holder(tmp_path)
    lines: list[str] = []
    try:
        with pytest.raises(DeviceBusy, match=f"cpu-0 .*process {process.pid}"):
            with device_lock("cpu", 0, tmp_path, timeout_s=0.1, on_wait=lines.append):
                raise AssertionError("two holders")
        assert len(lines) == 1 and str(process.pid) in lines[0]
        with device_lock("cpu", 1, tmp_path, timeout_s=0):  # another device is free
            pass
    finally:
        process.communicate("")
    with device_lock("cpu", 0, tmp_path, timeout_s=1):
        pass


def test_a_killed_holder_leaves_it_free(tmp_path: Path) -> None:
    process = holder(tmp_path)
    process.kill()
    process.wait()
    with device_lock("cpu", 0, tmp_path, timeout_s=1):
        pass


def test_released_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), device_lock("cuda", 3, tmp_path):
        raise ZeroDivisionError
    with device_lock("cuda", 3, tmp_path, timeout_s=0):
        with pytest.raises(DeviceBusy), device_lock("cuda", 3, tmp_path, timeout_s=0):
            pass
    assert os.listdir(tmp_path / "locks") == ["cuda-3.lock"]


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, no folder")
    with pytest.raises(ConfigError, match="state_dir"):
        with device_lock("cpu", 0, tmp_path / "state"):
            pass
