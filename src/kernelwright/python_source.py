"""Python source text to its syntax tree, for every layer that reads one."""

from __future__ import annotations

import ast
import threading

# CPython 3.11 counts the depth of the tree under construction in one place an interpreter
# (python/cpython gh-106905): another thread that parses at the same time makes it raise
# SystemError "AST constructor recursion depth mismatch" for sound text.
_ONE_AT_A_TIME = threading.RLock()  # a finalizer may parse, too
_ATTEMPTS = 5


def parse_python(text: str | bytes, filename: str = "<text>") -> ast.Module:
    """The module's tree. Raises SyntaxError, or ValueError for a null byte, as ast.parse does."""
    for _ in range(_ATTEMPTS - 1):
        try:
            with _ONE_AT_A_TIME:
                return ast.parse(text, filename=filename)
        except SystemError:  # parsed elsewhere meanwhile, past this lock: by an import, say
            continue
    return ast.parse(text, filename=filename)
