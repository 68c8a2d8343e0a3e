"""Suites of workloads: folders of ordinary reference files, one a workload.

A workload of our own suites declares its sizes in two lines near its top::

    SIZES = {"cpu": (1024, 8192), "gpu": (16384, 40960), "small": (7, 33)}
    batch_size, dim = SIZES["cpu"]

The file runs alone, at the size it names; ``Workload.source`` is the same file for another size,
with the numbers written out; "gpu/8" stands for an eighth of the first number of "gpu", by which
most workloads shrink to an eighth (checks at full size take minutes). A file without ``SIZES`` has
one size, its own. ``DEGENERATE = "kind"`` says that ``kernelwright audit`` is meant to find the
task degenerate, and as what.
"""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kernelwright.errors import UsageError
from kernelwright.python_source import parse_python

SUITES = Path(__file__).with_name("suites")
SIZES = ("cpu", "gpu", "small")
SIZE_OF_BACKEND = {"cpu": "cpu", "cuda": "gpu"}


@dataclass(frozen=True)
class Workload:
    """One reference file. ``sizes`` is empty for a file that declares none; ``degenerate`` is the
    kind of finding that an audit of it must make, None for a task that must be sound."""

    name: str
    family: str
    suite: str
    path: Path
    text: str = field(repr=False)
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    degenerate: str | None = None

    @property
    def label(self) -> str:
        """Its name in tables and in ``--only``: family/name."""
        return f"{self.family}/{self.name}"

    def source(self, size: str) -> str:
        """The reference's text at one of its sizes ("gpu", "gpu/8"); raises UsageError for a size
        it lacks."""
        if not self.sizes:
            return self.text
        name, slash, divisor = size.partition("/")
        if name not in self.sizes or (slash and not (divisor.isdecimal() and int(divisor))):
            raise UsageError(
                f"{self.path} has no size {size!r}; it declares {', '.join(self.sizes)}, each also "
                "divided as in gpu/8"
            )
        first, *rest = self.sizes[name]
        return _at_size(self.text, (max(1, first // int(divisor or 1)), *rest))


def suite_names() -> list[str]:
    """The suites that come with Kernelwright."""
    return sorted(p.name for p in SUITES.iterdir() if p.is_dir() and not p.name.startswith("_"))


def find_suite(name: str) -> list[Workload]:
    """The workloads of a suite by its name, or of a folder by its path, sorted by label.

    In a folder of one's own the family is the file's folder. Raises UsageError for a name that is
    neither, and for a folder without reference files.
    """
    root = SUITES / name if name in suite_names() else Path(name)
    if not root.is_dir():
        raise UsageError(
            f"{name!r} is neither a suite ({', '.join(suite_names())}) nor a folder of "
            "reference files"
        )
    found = [_workload(path, root, root.name) for path in sorted(root.rglob("*.py"))]
    workloads = [w for w in found if w is not None]
    if not workloads:
        raise UsageError(f"no file under {root} defines Model; give a folder of reference files")
    return workloads


def select(
    workloads: Sequence[Workload],
    *,
    only: Iterable[str] = (),
    families: Iterable[str] = (),
    shard: str = "1/1",
) -> list[Workload]:
    """Those whose name or label (family/name) matches a pattern of ``only``, of ``families``, and
    of shard "i/n": every n-th of each family, so that all shards are alike. They come with the
    families mixed: a run that ends early has seen some of each. Raises UsageError when none is
    left or a word is wrong."""
    patterns, wanted = list(only), set(families)
    known = {w.family for w in workloads}
    if wanted - known:
        raise UsageError(
            f"unknown family {', '.join(sorted(wanted - known))}; known: {', '.join(sorted(known))}"
        )
    chosen = [
        w
        for w in workloads
        if (not wanted or w.family in wanted) and (not patterns or _matches(w, patterns))
    ]
    index, count = _shard(shard)
    # Spread: all of one family first would end in one shard.
    chosen = [w for i, w in enumerate(chosen) if i % count == index - 1]
    if not chosen:
        given = f"--only {','.join(patterns) or '*'} --shard {shard}"
        raise UsageError(f"no workload is left by {given}; patterns are shell's, as 'softmax_*'")
    return _mixed(chosen)


def _mixed(workloads: Sequence[Workload]) -> list[Workload]:
    """Each family spread evenly over the whole."""
    families: dict[tuple[str, str], list[Workload]] = {}
    for workload in workloads:
        families.setdefault((workload.suite, workload.family), []).append(workload)
    placed = [
        ((number + 0.5) / len(group), w)
        for group in families.values()
        for number, w in enumerate(group)
    ]
    return [w for _, w in sorted(placed, key=lambda pair: pair[0])]


def _matches(workload: Workload, patterns: Sequence[str]) -> bool:
    names = (workload.label, workload.name)
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _shard(text: str) -> tuple[int, int]:
    first, _, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return int(first), int(second)
    raise UsageError(f"--shard must be i/n with 1 <= i <= n, such as 2/4, not {text!r}")


def _workload(path: Path, root: Path, suite: str) -> Workload | None:
    """The workload in a file; None for a file without a Model (a package's own modules)."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = parse_python(text, str(path))
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise UsageError(f"{path} cannot be read as a reference file: {error}") from error
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    if "Model" not in defined:
        return None
    parts = path.relative_to(root).parts
    return Workload(
        path.stem, "/".join(parts[:-1]) or root.name, suite, path, text, _sizes(tree, path),
        _declared(tree, "DEGENERATE"),
    )  # fmt: skip


def _declared(tree: ast.Module, name: str) -> str | None:
    node = _assignment(tree, name)
    return None if node is None else str(ast.literal_eval(node.value))


def _sizes(tree: ast.Module, path: Path) -> dict[str, tuple[int, ...]]:
    node = _assignment(tree, "SIZES")
    if node is None:
        return {}
    try:
        table = ast.literal_eval(node.value)
        sizes = {str(k): v if isinstance(v, tuple) else (v,) for k, v in table.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"{path}: SIZES must be a literal dict of tuples of numbers") from error
    if _use(tree) is None:
        raise UsageError(f'{path}: SIZES is not used; write names = SIZES["..."] below it')
    return sizes


def _assignment(tree: ast.Module, name: str) -> ast.Assign | None:
    """The module's own ``name = ...``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in node.targets
        ):
            return node
    return None


def _use(tree: ast.Module) -> ast.Assign | None:
    """The module's ``names = SIZES["..."]``."""
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Subscript):
            continue
        if isinstance(node.value.value, ast.Name) and node.value.value.id == "SIZES":
            return node
    return None


def _at_size(text: str, values: tuple[int, ...]) -> str:
    """``text`` with the table of sizes gone and its use replaced by the numbers."""
    tree = parse_python(text)
    table, use = _assignment(tree, "SIZES"), _use(tree)
    assert table is not None and use is not None  # _sizes has seen both
    lines: list[str | None] = list(text.splitlines())
    target = use.targets[0]
    names = [ast.unparse(t) for t in target.elts] if isinstance(target, ast.Tuple) else None
    left = ", ".join(names) if names else ast.unparse(target)
    for node in (table, use):
        last = node.end_lineno or node.lineno
        lines[node.lineno - 1 : last] = [None] * (last - node.lineno + 1)
    lines[use.lineno - 1] = f"{left} = {', '.join(map(str, values))}"
    return "\n".join(line for line in lines if line is not None) + "\n"
