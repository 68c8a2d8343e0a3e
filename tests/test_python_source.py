"""Parsing from many threads at once gives trees, never an interpreter's fault."""

import ast
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kernelwright.python_source import parse_python

TEXT = "\n".join(f"def f{i}(x):\n    return [x + {i}, (x, [y for y in x])]" for i in range(60))


def test_it_parses_while_other_threads_parse() -> None:
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            with contextlib.suppress(SystemError):  # the fault that parse_python is made for
                ast.parse(TEXT)

    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(disturb) for _ in range(2)]
        dumps = set(pool.map(lambda _: ast.dump(parse_python(TEXT)), range(40)))
        stop.set()
        [other.result() for other in others]
    assert dumps == {ast.dump(ast.parse(TEXT))}


def test_bad_text_raises_as_ast_parse_does() -> None:
    with pytest.raises(SyntaxError) as caught:
        parse_python("def f(:", "kernel.py")
    assert caught.value.filename == "kernel.py"
    with pytest.raises((ValueError, SyntaxError)):  # which of them depends on Python's version
        parse_python("a\0b")
