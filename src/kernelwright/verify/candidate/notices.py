"""Who says in a candidate's files that the code is theirs, and under which licence.

A kernel that was copied whole usually brings its notice along. That is read, and told, since a
report shall not pass somebody's library off as a kernel that was found here. Nothing is concluded
from a notice that is missing: likeness to published code is no evidence (there are few ways to
write a softmax), and no comparison with it could be complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kernelwright.schema import Candidate
from kernelwright.verify.candidate.untrusted import plain_text

_TEXTS = (".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".cuh", ".mlir", ".ll", ".txt")
_READ_BYTES = 1 << 20
_CHARACTERS, _MOST = 120, 5
# "Copyright" with a year or a sign beside it, so that the word alone, in prose or in a name, is
# none; SPDX's own form of a licence (SPDX specification, annex E).
_COPYRIGHT = re.compile(
    r"(?:copyright\s*(?:\(c\)|©|,|:)?\s*(?:\d{4}|(?<=[)©])\s*\S)|(?:©|\(c\))\s*\d{4})[^\n\"']*",
    re.IGNORECASE,
)
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([\w.+() -]*[\w.+)])")


def notices(candidate: Candidate) -> list[str]:
    """One sentence a file with copyright or licence notices, with what these say; [] without."""
    found = []
    for name, data in sorted(candidate.files.items()):
        if name.endswith(_TEXTS):
            said = list(dict.fromkeys(_said(data[:_READ_BYTES].decode("utf-8", "replace"))))
            if said:
                quoted = "; ".join(plain_text(text, _CHARACTERS) for text in said[:_MOST])
                found.append(f"{name} carries notices of its authors or licence: {quoted}")
    return found


def _said(text: str) -> Iterator[str]:
    for match in _COPYRIGHT.finditer(text):
        yield " ".join(match.group(0).split()).rstrip(" .*/-#")
    for match in _SPDX.finditer(text):
        yield match.group(0)
