"""Masked stores of one lane, as plain stores of one element.

LLVM (22, with AVX-512) folds the narrowing of a vector of integers into a masked store of it, and
where the mask has one constant lane it then stores that lane in the *wide* type: the bytes after
the element are overwritten. Written as what it is, the store is right, and shorter.
"""

from __future__ import annotations

import re

_STORE = re.compile(
    r"^(?P<indent> *)(?:tail )?call void @llvm\.masked\.store\.v\d+i(?P<bits>8|16|32)\.p0\("
    r"<(?P<lanes>\d+) x i(?P=bits)> (?P<value>%[\w.\"]+), ptr (?P<words>[^%,]*?)"
    r"(?P<pointer>%[\w.\"]+), <(?P=lanes) x i1> <(?P<mask>[i1truefals, ]+)>\)"
    r"(?P<rest>[^\n]*)$",
    re.MULTILINE,
)


def single_stores(ir_text: str) -> str:
    """``ir_text`` with every masked store of integers whose constant mask has one lane replaced."""
    count = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal count
        lanes = [lane.split()[-1] == "true" for lane in found["mask"].split(",")]
        if sum(lanes) != 1:
            return found[0]
        count += 1
        lane, kind = lanes.index(True), f"i{found['bits']}"
        element, place = f"%single.{count}", f"%single.at.{count}"
        align = int(found["bits"]) // 8 if lane else _alignment(found["words"])
        metadata = found["rest"] if found["rest"].startswith(", !") else ""
        return "\n".join(
            found["indent"] + line
            for line in (
                f"{element} = extractelement <{found['lanes']} x {kind}> {found['value']}, "
                f"i64 {lane}",
                f"{place} = getelementptr {kind}, ptr {found['pointer']}, i64 {lane}",
                f"store {kind} {element}, ptr {place}, align {align}{metadata}",
            )
        )

    return _STORE.sub(replaced, ir_text)


def _alignment(words: str) -> int:
    found = re.search(r"align (\d+)", words)
    return int(found[1]) if found else 1
