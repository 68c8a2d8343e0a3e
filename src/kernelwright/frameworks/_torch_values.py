"""What a trace on tensors without data may take for granted where Python asks for their values.

Three things are answered: a check that does nothing but raise (``if (var < 0).any(): raise ...``,
``assert ...``) is taken to pass, as it does for every input that the Model takes; ``x.item()`` of a
float stays the tensor that it is; functions whose implementation asks for values that their result
does not hang on (``torch.cov``) are computed from their definition. Anything else is refused.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class TakenForGranted(TorchFunctionMode):
    """``notes``: a sentence on each check that was taken to pass."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        own = _DEFINITIONS.get(func)
        if own is not None:
            return own(*args, **kwargs)
        if func is torch.Tensor.item and args[0].is_floating_point():
            return args[0].reshape(())
        return func(*args, **kwargs)

    def __enter__(self) -> Any:
        # The truth of a tensor goes past torch functions.
        plain = torch.Tensor.__bool__

        def truth(tensor: torch.Tensor) -> bool:
            found = _checked(sys._getframe(1))
            if found is None:
                return bool(plain(tensor))
            self._note(found[1])
            return found[0]

        torch.Tensor.__bool__ = truth  # type: ignore[method-assign]
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        del torch.Tensor.__bool__  # what it hid, of the base class, shows again

    def _note(self, check: str) -> None:
        text = f"a check of values is taken to pass: {check}"
        if text not in self.notes:
            self.notes.append(text)


def _checked(frame: FrameType) -> tuple[bool, str] | None:
    """(what the tensor must say, the check's text) where ``frame`` stands in the test of a check
    that does nothing but raise; None elsewhere."""
    lines, first = _source(frame)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        return None
    line = frame.f_lineno - first + 1
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.Assert) and _spans(node.test, line):
            wanted = isinstance(node, ast.Assert)
            if isinstance(node, ast.If) and not all(isinstance(s, ast.Raise) for s in node.body):
                return None
            outcome = _outcome(node.test, wanted)
            text = f"{'assert' if wanted else 'if'} {ast.unparse(node.test)}"
            return None if outcome is None else (outcome, text)
    return None


def _spans(node: ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _source(frame: FrameType) -> tuple[list[str], int]:
    """The lines of the frame's function, without its indentation, and the number of the first."""
    name = frame.f_code.co_filename
    everything = linecache.getlines(name, frame.f_globals)
    if not everything:
        return [], 1
    first = frame.f_code.co_firstlineno
    block = inspect.getblock(everything[first - 1 :])
    margin = len(block[0]) - len(block[0].lstrip()) if block else 0
    return [text[margin:] if text[:margin].isspace() else text for text in block], first


def _outcome(test: ast.expr, wanted: bool) -> bool | None:
    """What the tensors in ``test`` must say for the test to be ``wanted``; None where that is not
    the same for all of them."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _outcome(test.operand, not wanted)
    if isinstance(test, ast.BoolOp):
        # Every part of an "or" that must fail fails, every part of an "and" that must hold holds.
        if isinstance(test.op, ast.And) != wanted:
            return None
        parts = {_outcome(part, wanted) for part in test.values}
        return parts.pop() if len(parts) == 1 else None
    return wanted


# ---- functions by their definition ---------------------------------------------------------------


def _covariance(
    input: torch.Tensor,
    *,
    correction: int = 1,
    fweights: torch.Tensor | None = None,
    aweights: torch.Tensor | None = None,
) -> torch.Tensor:
    """torch.cov: rows are variables, columns observations with optional weights."""
    x = input.reshape(1, -1) if input.dim() < 2 else input
    x = x if x.is_floating_point() or x.is_complex() else x.to(torch.get_default_dtype())
    given = [w for w in (fweights, aweights) if w is not None]
    if not given:
        centred = x - x.mean(1, keepdim=True)
        count = max(x.shape[1] - correction, 0)
        return (centred @ centred.mT.conj() / count).squeeze()
    weights = given[0] if len(given) == 1 else given[0] * given[1]
    total = weights.sum()
    centred = x - (x * weights).sum(1, keepdim=True) / total
    factor = total - correction
    if aweights is not None and correction:
        factor = total - correction * (weights * aweights).sum() / total
    return (centred @ (centred * weights).mT.conj() / factor.clamp(min=0)).squeeze()


def _correlation(input: torch.Tensor) -> torch.Tensor:
    """torch.corrcoef."""
    c = _covariance(input)
    if c.dim() == 0:
        return c / c
    deviation = c.diagonal().sqrt()
    return (c / deviation.unsqueeze(1) / deviation.unsqueeze(0)).clamp(-1, 1)


_DEFINITIONS: Mapping[Any, Callable[..., torch.Tensor]] = {
    torch.cov: _covariance,
    torch.Tensor.cov: _covariance,
    torch.corrcoef: _correlation,
    torch.Tensor.corrcoef: _correlation,
}


def without_counting(module: torch.nn.Module) -> None:
    """A batch norm with momentum None averages over the calls so far, a number that its output in
    training mode does not hang on: it gets a momentum."""
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm) and part.momentum is None:
            part.momentum = 0.1
