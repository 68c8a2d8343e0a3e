"""Loading a task file, for every framework whose tasks are Python: compile, execute, find names,
and map what goes wrong to one message with the user's own file and line.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib.util
import itertools
import linecache
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from kernelwright.errors import ReferenceBroken

_CHECKS = {"Model": "no_model", "get_inputs": "no_get_inputs"}
_WHAT_TO_DO = {
    "Model": "define a class Model whose call (or forward) is the operator",
    "get_inputs": "define get_inputs() that returns the list of inputs of one call",
}


def load_module(source: str, path: str) -> ModuleType:
    """The module that ``source`` defines, registered in ``sys.modules`` so that ``inspect``,
    ``dataclasses`` and tracebacks see it; ``path`` is only a name for messages and need not exist.

    Raises ReferenceBroken with check "syntax", or "module_raises" when executing it raises.
    """
    digest = hashlib.sha256(f"{path}\0{source}".encode()).hexdigest()[:16]
    module = ModuleType(f"kernelwright_task_{digest}")
    module.__file__ = path
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes in the source
        raise _syntax_fault(error, path) from error
    # The text given here wins over a file of that name, which may have changed meanwhile.
    lines = source.splitlines(keepends=True)
    linecache.cache[path] = (len(source), None, lines, path)
    sys.modules[module.__name__] = module
    try:
        with user_code(path, "module_raises", "the task file itself"):
            exec(code, module.__dict__)
    except ReferenceBroken:
        del sys.modules[module.__name__]
        raise
    return module


def _syntax_fault(error: SyntaxError | ValueError, path: str) -> ReferenceBroken:
    where = f"{path}:{getattr(error, 'lineno', None) or 1}"
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    shown = (getattr(error, "text", None) or "").strip()
    text = f"syntax error at {where}: {message}"
    return ReferenceBroken(text + (f": {shown!r}" if shown else ""), check="syntax")


def require(module: ModuleType, name: str) -> Any:
    """``module.name``; raises ReferenceBroken (no_model, no_get_inputs, ...) that says what the
    file defines instead."""
    if name in vars(module):
        return vars(module)[name]
    path = module.__file__
    own = sorted(
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )
    near = difflib.get_close_matches(name, own, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r} to be {name!r}?)" if near else ""
    defines = f"it defines {', '.join(own)}" if own else "it defines nothing of its own"
    todo = _WHAT_TO_DO.get(name, f"define {name}")
    raise ReferenceBroken(
        f"{path} has no {name}: {defines}{hint}; {todo}",
        check=_CHECKS.get(name, f"no_{name.lower()}"),
    )


def user_location(exc: BaseException, path: str) -> str:
    """``path:line`` of the innermost frame of ``exc`` in the user's own file; ``path`` alone when
    no frame is there."""
    frames = [f for f in traceback.extract_tb(exc.__traceback__) if f.filename == path]
    return f"{path}:{frames[-1].lineno}" if frames else path


@contextlib.contextmanager
def user_code(path: str, check: str, what: str) -> Iterator[None]:
    """Runs code of the task file: whatever it raises (SystemExit too) becomes ReferenceBroken with
    ``check``; ``what`` names the piece, as in "Model.__init__"."""
    try:
        yield
    except ReferenceBroken:
        raise
    except (Exception, SystemExit) as error:
        text = str(error).strip()
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
        where = user_location(error, path)
        raise ReferenceBroken(f"{what} raised {said} (at {where})", check=check) from error


def init_inputs(module: ModuleType) -> list[Any]:
    """``get_init_inputs()`` as a list; [] when the file has none. Raises ReferenceBroken."""
    function = vars(module).get("get_init_inputs")
    if function is None:
        return []
    path = str(module.__file__)
    with user_code(path, "init_raises", "get_init_inputs()"):
        found = function()
    if not isinstance(found, list | tuple):
        raise ReferenceBroken(
            f"get_init_inputs() in {path} returned a {type(found).__name__}; "
            "return a list of the arguments of Model()",
            check="init_raises",
        )
    return list(found)


DYNAMIC = "get_inputs_dyn_list()"


def inputs_function(module: ModuleType) -> Callable[[], Any]:
    """``get_inputs``; in a file that has ``get_inputs_dyn_list`` alone, its first input set. Raises
    ReferenceBroken when there is neither."""
    if "get_inputs" not in vars(module) and DYNAMIC.removesuffix("()") in vars(module):
        return lambda: declared_sets(module, str(module.__file__))[0]
    return require(module, "get_inputs")  # type: ignore[no-any-return]


def declared_sets(module: ModuleType, path: str) -> list[Any]:
    """What ``get_inputs_dyn_list()`` returns: input sets of other sizes; [] when the file has no
    such function. Raises ReferenceBroken."""
    function = vars(module).get(DYNAMIC.removesuffix("()"))
    if function is None:
        return []
    with user_code(path, "inputs_raise", DYNAMIC):
        found = function()
    if not isinstance(found, list | tuple):
        raise ReferenceBroken(
            f"{DYNAMIC} in {path} returned {type(found).__name__}; return a list of input lists",
            check="inputs_not_tensors",
        )
    return list(found)


def input_set(values: Any, what: str, path: str, convert: Callable[[int, Any], Any]) -> list[Any]:
    """The arguments of one call, each through ``convert(position, value)``. Raises ReferenceBroken
    when ``values`` (what ``what`` returned) is no list."""
    if not isinstance(values, list | tuple):
        raise ReferenceBroken(
            f"{what} in {path} returned {type(values).__name__}; "
            "return a list with one entry for each argument of the Model's call",
            check="inputs_not_tensors",
        )
    return [convert(index, value) for index, value in enumerate(values)]


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds Python's and NumPy's global generators, and lets ``numpy.random.default_rng()`` without
    a seed follow ``seed`` too, so that inputs repeat. The generators' states are put back."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    original = np.random.default_rng
    children = (np.random.SeedSequence((seed, i)) for i in itertools.count())

    def default_rng(seed: Any = None) -> np.random.Generator:
        return original(next(children) if seed is None else seed)

    random.seed(seed)
    np.random.seed(seed % 2**32)
    np.random.default_rng = default_rng  # type: ignore[assignment]
    try:
        yield
    finally:
        np.random.default_rng = original
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def import_candidate(entry: Path) -> ModuleType:
    """Executes a candidate's file as a module of its own, its folder importable by it. Whatever it
    raises is raised: a bad candidate is judged by the caller."""
    folder = str(entry.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(f"kernelwright_candidate_{entry.stem}", entry)
    if spec is None or spec.loader is None:
        raise ImportError(f"{entry} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
