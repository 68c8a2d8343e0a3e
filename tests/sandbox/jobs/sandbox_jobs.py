"""Entries that the sandbox tests start in children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from kernelwright.sandbox.channel import Channel
from kernelwright.sandbox.worker import serve


def answer(channel: Channel) -> None:
    serve(
        channel,
        {
            "echo": lambda header, arrays: ({"got": header}, arrays),
            "double": lambda header, arrays: ({}, [a * 2 for a in arrays]),
            "scribble": _scribble,
            "read": lambda header, arrays: ({"text": Path(header["path"]).read_text()}, []),
            "write": lambda header, arrays: ({"n": Path(header["path"]).write_text("x")}, []),
            "list": lambda header, arrays: ({"names": sorted(os.listdir(header["path"]))}, []),
            "environment": lambda header, arrays: ({"env": dict(os.environ)}, []),
            "connect": lambda header, arrays: (
                {"r": socket.create_connection(("127.0.0.1", header["port"]), timeout=2).fileno()},
                [],
            ),
            "modules": lambda header, arrays: ({"there": sorted(sys.modules)}, []),
            "sleep": lambda header, arrays: ({"r": time.sleep(header["seconds"])}, []),
            "exit": lambda header, arrays: sys.exit(header["code"]),
            "segfault": lambda header, arrays: os.kill(os.getpid(), signal.SIGSEGV),
            "say": _say,
            "spin": _spin,
            "allocate": lambda header, arrays: ({"n": bytearray(header["bytes"]).__len__()}, []),
            "fork_bomb": _fork_bomb,
            "leave_sleeper": _leave_sleeper,
            "processes": lambda header, arrays: ({"n": _visible_processes()}, []),
            "kill_all": lambda header, arrays: ({"r": os.kill(-1, 0)}, []),
            "burn": lambda header, arrays: ({"cpu_us": _burn(header["seconds"])}, []),
            "burn_in_thread": _burn_in_thread,
            "burn_in_orphan": _burn_in_orphan,
            "burn_in_child": _burn_in_child,
            "garbage": lambda header, arrays: os.write(channel.fileno(), b"x" * 64),
        },
    )


def _scribble(header: dict, arrays: list) -> tuple[dict, list]:
    for array in arrays:
        array += 1
    return {}, [np.float64(arrays[0].sum())]


def _say(header: dict, arrays: list) -> tuple[dict, list]:
    print("x" * header["bytes"])
    print("last words", file=sys.stderr, flush=True)
    return {}, []


def _spin(header: dict, arrays: list) -> tuple[dict, list]:
    while True:
        pass


def _fork_bomb(header: dict, arrays: list) -> tuple[dict, list]:
    count = 0
    try:
        while count < 500:
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
            count += 1
    except OSError:
        return {"started": count, "refused": True}, []
    return {"started": count, "refused": False}, []


def _leave_sleeper(header: dict, arrays: list) -> tuple[dict, list]:
    subprocess.Popen(["sleep", header["seconds"]], start_new_session=True)
    return {}, []


def _visible_processes() -> int:
    return sum(name.isdigit() for name in os.listdir("/proc"))


def _burn(seconds: float) -> float:
    """Works for that much processor time of this thread; microseconds used."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return (time.thread_time() - began) * 1e6


def _burn_in_thread(header: dict, arrays: list) -> tuple[dict, list]:
    threading.Thread(target=_burn, args=(header["seconds"],), daemon=True).start()
    return {}, []


def _burn_in_orphan(header: dict, arrays: list) -> tuple[dict, list]:
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() == 0:
            _burn(header["seconds"])
        os._exit(0)
    os.waitpid(middle, 0)
    return {}, []


def _burn_in_child(header: dict, arrays: list) -> tuple[dict, list]:
    pid = os.fork()
    if pid == 0:
        _burn(header["seconds"])
        os._exit(0)
    os.waitpid(pid, 0)
    return {}, []
