from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kernelwright.compiler.stages import cxx
from kernelwright.compiler.stages.build_cache import cached
from kernelwright.errors import CompileError, MissingDependencyError


def test_a_bad_source_carries_the_compilers_words(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="nonsense") as caught:
        cxx.compile_shared("int nonsense(", folder=tmp_path)
    assert "-march=native" in caught.value.command
    assert "kernel.cpp" in caught.value.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_second_build_is_read_from_the_cache(tmp_path: Path) -> None:
    source = 'extern "C" int f(void**) { return 0; }'
    first = cxx.compile_shared(source, folder=tmp_path)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(b"marked")
    assert cxx.compile_shared(source, folder=tmp_path) == b"marked"
    assert cxx.compile_shared(source + "\n", folder=tmp_path)[:4] == first[:4] == b"\x7fELF"


def test_a_cache_that_cannot_be_written_is_only_slower(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert cached(("a",), ".so", lambda: b"made", blocked / "below") == b"made"


def test_a_compiler_that_is_absent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match="apt install"):
        cxx.find_cxx()
    with pytest.raises(MissingDependencyError, match="icpx"):
        cxx.find_cxx("icpx")


def test_a_given_compiler_is_taken() -> None:
    path = shutil.which("g++") or shutil.which("c++")
    assert path is not None
    assert cxx.find_cxx(path) == path


def test_zig_links_where_there_is_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(cxx.importlib.util, "find_spec", lambda name: object())
    assert cxx.linker()[1:] == ["-m", "ziglang", "cc"]
    monkeypatch.setattr(cxx.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="linker"):
        cxx.linker()
