"""Notices of authors and licences in candidates' files are told; words that are none are not."""

from __future__ import annotations

import pytest

from kernelwright.schema import Candidate
from kernelwright.verify.candidate.notices import notices


def said(text: str, name: str = "kernel.py") -> list[str]:
    return notices(Candidate({name: text.encode()}, entry=name))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("# Copyright (c) 2023, Tri Dao.", "Copyright (c) 2023, Tri Dao"),
        ("# Copyright 2018-2020 Philippe Tillet", "Copyright 2018-2020 Philippe Tillet"),
        ("/* Copyright © Somebody */", "Copyright © Somebody"),
        ("# (c) 2024 A. Nother", "(c) 2024 A. Nother"),
        ("# SPDX-License-Identifier: Apache-2.0", "SPDX-License-Identifier: Apache-2.0"),
        (
            "// SPDX-License-Identifier: MIT OR BSD-3-Clause\n",
            "SPDX-License-Identifier: MIT OR BSD-3-Clause",
        ),
    ],
)
def test_a_notice_is_told(line: str, told: str) -> None:
    (found,) = said(f"{line}\nimport torch\n")
    assert found == f"kernel.py carries notices of its authors or licence: {told}"


@pytest.mark.parametrize(
    "line",
    [
        "copyright = 3",
        "# no copyright is claimed here",
        "x = f(c)  # 2024 rows",
        "def copyright_2024(): ...",
        "y = (a + b) * (c) + 2048",
        "# licence: see the task",
    ],
)
def test_what_is_no_notice_is_not(line: str) -> None:
    assert said(f"{line}\n") == []


def test_binaries_are_not_read_and_texts_are_bounded() -> None:
    assert said("Copyright (c) 2020 X", "kernel.so") == []
    (found,) = said("\n".join(f"# Copyright 20{n:02d} " + "x" * 500 for n in range(50)))
    assert len(found) < 1000
