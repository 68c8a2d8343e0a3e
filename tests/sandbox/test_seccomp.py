"""The filter's table and its translation, executed by a small interpreter of classic BPF."""

from __future__ import annotations

import errno
import os
import platform
import re
import struct
from pathlib import Path

import pytest

from kernelwright.sandbox import seccomp, syscalls
from kernelwright.sandbox.seccomp import Surroundings

PID = 4242
JAILED = Surroundings(namespaces=True, shared_user=True, signals_scoped=False, pid=PID)
ALONE = Surroundings(namespaces=False, shared_user=True, signals_scoped=False, pid=PID)
SCOPED = Surroundings(namespaces=False, shared_user=True, signals_scoped=True, pid=PID)
OWN_USER = Surroundings(namespaces=False, shared_user=False, signals_scoped=True, pid=PID)
ALLOW, KILL = 0x7FFF0000, 0x80000000


def run(code: bytes, number: int, arch: int, args: tuple[int, ...]) -> int:
    """What a filter returns for one call: linux/bpf_common.h, the instructions that occur."""
    data = struct.pack("<iIQ6Q", number, arch, 0, *(args + (0,) * 6)[:6])
    steps = [struct.unpack_from("<HBBI", code, at) for at in range(0, len(code), 8)]
    at, accumulator = 0, 0
    while True:
        op, yes, no, k = steps[at]
        at += 1
        if op == 0x20:
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif op == 0x54:
            accumulator &= k
        elif op == 0x05:
            at += k
        elif op == 0x06:
            return int(k)
        else:
            holds = {0x15: accumulator == k, 0x35: accumulator >= k, 0x45: accumulator & k != 0}
            at += yes if holds[op] else no


def verdict(
    around: Surroundings, name: str, *args: int, machine: str = "x86_64"
) -> int | str | None:
    """The error number that a call gets; None when it is allowed."""
    code = seccomp.program(seccomp.rules(around), machine)
    number = syscalls.number(name, machine)
    assert number is not None
    result = run(code, number, syscalls.AUDIT_ARCH[machine], args)
    if result == KILL:
        return "kill"
    return None if result == ALLOW else result & 0xFFFF


@pytest.mark.parametrize("machine", syscalls.MACHINES)
@pytest.mark.parametrize("around", [JAILED, ALONE, SCOPED, OWN_USER])
def test_every_unconditional_rule_refuses_with_its_own_error(
    around: Surroundings, machine: str
) -> None:
    checked = 0
    for rule in seccomp.rules(around):
        for name in rule.calls:
            if rule.when is None and syscalls.number(name, machine) is not None:
                assert verdict(around, name, machine=machine) == rule.error, name
                checked += 1
    assert checked > 40


@pytest.mark.parametrize("machine", syscalls.MACHINES)
def test_calls_that_are_not_named_are_allowed(machine: str) -> None:
    code = seccomp.program(seccomp.rules(ALONE), machine)
    named = {syscalls.number(n, machine) for r in seccomp.rules(ALONE) for n in r.calls}
    for number in set(range(512)) - named:
        assert run(code, number, syscalls.AUDIT_ARCH[machine], ()) == ALLOW, number


def test_another_architecture_kills_and_x32_does_not_exist() -> None:
    code = seccomp.program(seccomp.rules(JAILED), "x86_64")
    i386 = 0x40000003
    assert run(code, 20, i386, ()) == KILL
    assert run(code, 39 | 0x40000000, syscalls.AUDIT_ARCH["x86_64"], ()) & 0xFFFF == errno.ENOSYS
    assert run(code, 39, syscalls.AUDIT_ARCH["x86_64"], ()) == ALLOW


@pytest.mark.parametrize(
    ("around", "call", "expected"),
    [
        (JAILED, ("socket", 1), None),
        (JAILED, ("socket", 2), errno.EACCES),
        (JAILED, ("socket", 10), errno.EACCES),
        (JAILED, ("socket", 16), errno.EACCES),
        (JAILED, ("socket", 40), errno.EACCES),  # AF_VSOCK reaches the hypervisor
        (ALONE, ("socket", 1), errno.EACCES),
        (ALONE, ("socket", 2), errno.EACCES),
        (JAILED, ("clone", 0x50F00), None),  # what pthread_create asks for
        (JAILED, ("clone", 17), None),  # fork
        (JAILED, ("clone", 17 | 0x10000000), errno.EPERM),  # CLONE_NEWUSER
        (JAILED, ("clone", 17 | 0x40000000), errno.EPERM),  # CLONE_NEWNET
        (JAILED, ("clone3",), errno.ENOSYS),
        (JAILED, ("ioctl", 0, 0x5412), errno.EPERM),  # TIOCSTI
        (JAILED, ("ioctl", 0, 0x5412 | 1 << 32), errno.EPERM),  # the kernel drops the high half
        (JAILED, ("ioctl", 0, 0x541C), errno.EPERM),
        (JAILED, ("ioctl", 0, 0x5413), None),
        (JAILED, ("kill", 1, 9), None),
        (ALONE, ("kill", PID, 9), None),
        (ALONE, ("kill", 1, 9), errno.EPERM),
        (ALONE, ("kill", 0xFFFFFFFF, 9), errno.EPERM),  # every process of the user
        (ALONE, ("kill", 0, 9), errno.EPERM),
        (ALONE, ("tgkill", PID, PID + 1, 6), None),
        (SCOPED, ("kill", 1, 9), None),  # left to Landlock
        (ALONE, ("fcntl", 3, 8), errno.EPERM),
        (ALONE, ("fcntl", 3, 3), None),
        (SCOPED, ("prlimit64", 1), errno.EPERM),
        (SCOPED, ("prlimit64", 0), None),
        (SCOPED, ("prlimit64", PID), None),
        (OWN_USER, ("prlimit64", 1), None),  # the kernel compares users
        (SCOPED, ("sched_setaffinity", PID), None),
        (SCOPED, ("sched_setaffinity", 77), errno.EPERM),
        (SCOPED, ("chmod",), seccomp.PRETEND),
        (OWN_USER, ("chmod",), None),
        (SCOPED, ("socketpair", 1, 1 | 0o2000000), None),
        (SCOPED, ("socketpair", 1, 5), None),
        (SCOPED, ("socketpair", 1, 2), errno.EACCES),
        (SCOPED, ("sendto", 3, 0, 0, 0, 0), None),
        (SCOPED, ("sendto", 3, 0, 0, 0, 0x7F0000000000), errno.EACCES),
        (SCOPED, ("sendto", 3, 0, 0, 0, 0x7000), errno.EACCES),
        (JAILED, ("shmget",), None),  # the namespace is its own
        (SCOPED, ("shmget",), errno.EACCES),
    ],
)
def test_conditions(
    around: Surroundings, call: tuple[str, *tuple[int, ...]], expected: int | None
) -> None:
    assert verdict(around, *call) == expected


def test_what_the_cuda_driver_needs_opens_no_way_out() -> None:
    jailed = Surroundings(True, True, False, PID, cuda=True)
    assert verdict(jailed, "socket", 16) is None and verdict(jailed, "socket", 2) == errno.EACCES
    alone = Surroundings(False, True, True, PID, cuda=True)
    assert verdict(alone, "socket", 16) == errno.EACCES
    assert verdict(alone, "socket", 1, 1) is None and verdict(alone, "bind") is None
    assert verdict(alone, "socket", 1, 2) == errno.EACCES  # a datagram socket needs no connect
    assert verdict(alone, "connect") == errno.EACCES and verdict(SCOPED, "bind") == errno.EACCES


@pytest.mark.parametrize(
    ("machine", "header", "pattern"),
    [
        ("x86_64", "x86_64-linux-gnu/asm/unistd_64.h", r"#define __NR_(\w+)\s+(\d+)$"),
        ("aarch64", "asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+)\s+(\d+)$"),
    ],
)
def test_numbers_are_those_of_the_kernels_headers(machine: str, header: str, pattern: str) -> None:
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    found = {m[1]: int(m[2]) for m in re.finditer(pattern, path.read_text(), re.MULTILINE)}
    newest = max(found.values())
    compared = 0
    for name in syscalls.names():
        number = syscalls.number(name, machine)
        if number is None or number <= newest:
            assert found.get(name) == number, name
            compared += 1
    assert compared > 80


@pytest.mark.skipif(seccomp.missing() is not None, reason=str(seccomp.missing()))
def test_the_kernel_takes_every_filter_and_keeps_it() -> None:
    for around in (JAILED, ALONE, SCOPED, OWN_USER):
        pid = os.fork()
        if pid == 0:
            from kernelwright.sandbox import jail

            code = 1
            try:
                jail.prctl(jail.PR_SET_NO_NEW_PRIVS, 1)
                seccomp.install(around)
                try:
                    jail.unshare(jail.CLONE_NEWUSER)
                except PermissionError:
                    code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, around


def test_a_machine_without_a_table_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "riscv64" in str(seccomp.missing.__wrapped__())
