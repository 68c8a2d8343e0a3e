"""Which axes of a reshape hold the same elements."""

from __future__ import annotations

from collections.abc import Sequence


def axis_groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest (axes before, axes after) of a reshape that hold the same elements."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        left: list[int] = []
        right: list[int] = []
        a = b = 1
        while not (left or right) or a != b:
            if (a <= b and i < len(before)) or j >= len(after):
                a *= before[i]
                left.append(i)
                i += 1
            else:
                b *= after[j]
                right.append(j)
                j += 1
        groups.append((left, right))
    if groups and len(groups) > 1 and not groups[-1][0]:  # trailing axes of size 1
        groups[-2][1].extend(groups.pop()[1])
    return groups
