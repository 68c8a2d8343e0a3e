"""A formula, given as a Python expression, as the source of a Model.

Rules, the same for every framework:

* names of Greek letters, ``eps`` and ``scale`` are scalar parameters (1.0; ``eps`` 1e-5);
  ``e`` and ``pi`` are the numbers; every other free name is an input, float32 of 1024 x 1024;
* sum, mean, var, softmax and one-argument max and min work along the last axis, which stays with
  size 1, so that ``x - mean(x)`` means what it says;
* ``^`` is no power here (prose turns it into ``**``); nothing is ever evaluated in this process.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kernelwright.errors import UnsupportedError, UsageError
from kernelwright.python_source import parse_python

SIZE = 1024
MAX_CHARS = 400  # also bounds how deep an expression nests
GREEK = frozenset(
    (
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
        "lambda_", "lam", "mu", "nu", "xi", "omicron", "rho", "sigma", "tau", "upsilon", "phi",
        "chi", "psi", "omega",
    )
)  # fmt: skip
SCALARS: Mapping[str, float] = {**dict.fromkeys(sorted(GREEK | {"scale"}), 1.0), "eps": 1e-5}
CONSTANTS = {"e": "math.e", "pi": "math.pi"}
_OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}
_MATH = frozenset({"sqrt", "exp", "log", "sin", "cos", "tan", "tanh", "erf", "log1p", "expm1"})

# Source templates; {0}, {1}, ... are the arguments.
_TORCH: Mapping[tuple[str, int], str] = {
    **{(name, 1): f"torch.{name}({{0}})" for name in sorted(_MATH | {"abs", "square", "rsqrt"})},
    **{(name, 1): f"torch.{name}({{0}})" for name in ("sigmoid", "relu", "floor", "ceil", "sign")},
    **{(name, 1): f"torch.{name}({{0}}, dim=-1, keepdim=True)" for name in ("sum", "mean")},
    ("var", 1): "torch.var({0}, dim=-1, keepdim=True, correction=0)",
    ("max", 1): "torch.amax({0}, dim=-1, keepdim=True)",
    ("min", 1): "torch.amin({0}, dim=-1, keepdim=True)",
    ("max", 2): "torch.maximum({0}, {1})",
    ("min", 2): "torch.minimum({0}, {1})",
    ("softmax", 1): "torch.softmax({0}, dim=-1)",
    ("log_softmax", 1): "torch.log_softmax({0}, dim=-1)",
    ("gelu", 1): "torch.nn.functional.gelu({0})",
    ("silu", 1): "torch.nn.functional.silu({0})",
    ("softplus", 1): "torch.nn.functional.softplus({0})",
    ("clamp", 3): "torch.clamp({0}, {1}, {2})",
    ("matmul", 2): "{0} @ {1}",
    ("transpose", 1): "{0}.T",
}
_NUMPY: Mapping[tuple[str, int], str] = {
    **{(name, 1): f"np.{name}({{0}})" for name in sorted(_MATH - {"erf"} | {"abs", "square"})},
    **{(name, 1): f"np.{name}({{0}})" for name in ("floor", "ceil", "sign")},
    **{(name, 1): f"np.{name}({{0}}, axis=-1, keepdims=True)" for name in ("sum", "mean", "var")},
    ("max", 1): "np.max({0}, axis=-1, keepdims=True)",
    ("min", 1): "np.min({0}, axis=-1, keepdims=True)",
    ("max", 2): "np.maximum({0}, {1})",
    ("min", 2): "np.minimum({0}, {1})",
    ("relu", 1): "np.maximum({0}, 0)",
    ("rsqrt", 1): "1 / np.sqrt({0})",
    ("sigmoid", 1): "1 / (1 + np.exp(-({0})))",
    ("silu", 1): "({0}) / (1 + np.exp(-({0})))",
    ("softmax", 1): "softmax({0})",
    ("clamp", 3): "np.minimum(np.maximum({0}, {1}), {2})",
    ("matmul", 2): "{0} @ {1}",
    ("transpose", 1): "{0}.T",
}
_TEMPLATES = {"torch": _TORCH, "numpy": _NUMPY}
_ALIASES = {
    "swish": "silu",
    "maximum": "max",
    "minimum": "min",
    "clip": "clamp",
    "variance": "var",
    "average": "mean",
}
FUNCTIONS = frozenset(name for name, _ in _TORCH) | frozenset(_ALIASES)
_ALONG_LAST = frozenset({"sum", "mean", "var", "softmax", "log_softmax", "max", "min"})


@dataclass
class Formula:
    """A checked expression: its text, its inputs and scalars in order of appearance."""

    text: str
    tree: ast.expr
    inputs: list[str] = field(default_factory=list)
    scalars: list[str] = field(default_factory=list)


def parse_formula(text: str) -> Formula | None:
    """The Formula that ``text`` is, as a whole; None when it is none (a bare name or number, an
    unknown function, another construct of Python)."""
    if len(text) > MAX_CHARS or "#" in text or "\\" in text:
        return None
    try:
        body = parse_python(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        return None
    tree = body[0].value
    formula = Formula(text.strip(), tree)
    if isinstance(tree, ast.Name | ast.Constant) or not _collect(tree, formula):
        return None
    return formula if formula.inputs else None


def _collect(node: ast.expr, formula: Formula) -> bool:
    """Notes the free names of ``node``; False when it is not part of the language."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.Name):
        if node.id in FUNCTIONS or not node.id.isascii():
            return False
        found = formula.scalars if node.id in SCALARS else formula.inputs
        if node.id not in CONSTANTS and node.id not in found:
            found.append(node.id)
        return True
    if isinstance(node, ast.BinOp):
        known = type(node.op) in _OPERATORS
        return known and _collect(node.left, formula) and _collect(node.right, formula)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.UAdd) and _collect(node.operand, formula)
    if isinstance(node, ast.Attribute):
        return node.attr == "T" and _collect(node.value, formula)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name = _ALIASES.get(node.func.id, node.func.id)
        if (name, len(node.args)) in _TORCH:
            return all(_collect(argument, formula) for argument in node.args)
    return False


class _Printer:
    """Prints an expression for one framework, every operation in parentheses."""

    def __init__(self, framework: str, rename: Callable[[str], str]) -> None:
        self.framework, self.rename = framework, rename
        self.templates = _TEMPLATES[framework]

    def text(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return repr(node.value)
        if isinstance(node, ast.Name):
            return CONSTANTS.get(node.id) or self.rename(node.id)
        if isinstance(node, ast.UnaryOp):
            return f"({'-' if isinstance(node.op, ast.USub) else '+'}{self.text(node.operand)})"
        if isinstance(node, ast.BinOp):
            return self.operation(node)
        if isinstance(node, ast.Attribute):
            return f"{self.text(node.value)}.T"
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return self.call(_ALIASES.get(node.func.id, node.func.id), node.args)

    def operation(self, node: ast.BinOp) -> str:
        e_power = isinstance(node.op, ast.Pow) and isinstance(node.left, ast.Name)
        if e_power and node.left.id == "e" and not is_number(node.right):  # type: ignore[attr-defined]
            return self.call("exp", [node.right])
        sign = _OPERATORS[type(node.op)]
        return f"({self.text(node.left)} {sign} {self.text(node.right)})"

    def call(self, name: str, arguments: list[ast.expr]) -> str:
        texts = [self.text(a) for a in arguments]
        if all(is_number(a) for a in arguments):
            if name not in _MATH:
                raise UsageError(f"{name}({', '.join(texts)}) of plain numbers is not understood")
            return f"math.{name}({texts[0]})"
        template = self.templates.get((name, len(texts)))
        if template is None:
            raise UnsupportedError(f"the function {name} is not there in {self.framework}")
        if self.framework == "torch" and name in ("max", "min") and len(texts) == 2:
            return self.torch_extremum(name, arguments, texts)
        return f"({template.format(*texts)})" if " " in template else template.format(*texts)

    @staticmethod
    def torch_extremum(name: str, arguments: list[ast.expr], texts: list[str]) -> str:
        """torch.maximum takes no plain numbers."""
        numbers = [is_number(a) for a in arguments]
        if not any(numbers):
            return f"torch.{name}imum({texts[0]}, {texts[1]})"
        limit, tensor = texts[numbers.index(True)], texts[numbers.index(False)]
        return f"torch.clamp({tensor}, {'min' if name == 'max' else 'max'}={limit})"


def is_number(node: ast.expr) -> bool:
    """Whether the value of ``node`` depends on no input and no parameter."""
    functions = {n.func for n in ast.walk(node) if isinstance(n, ast.Call)}
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and n not in functions)
    return all(n.id in CONSTANTS for n in names)


_TORCH_MODULE = '''"""{doc}"""

{math}import torch


class Model(torch.nn.Module):
    def __init__({signature}):
        super().__init__()
{state}
    def forward(self, {inputs}):
        return {body}


def get_inputs():
    return [torch.randn({size}, {size}) for _ in range({count})]


def get_init_inputs():
    return {values}
'''
_NUMPY_MODULE = '''"""{doc}"""

{math}import numpy as np

{helpers}
class Model:
    def __init__({signature}):
{state}
    def __call__(self, {inputs}):
        return {body}


def get_inputs():
    return [
        np.random.standard_normal(({size}, {size})).astype(np.float32) for _ in range({count})
    ]


def get_init_inputs():
    return {values}
'''
_NUMPY_SOFTMAX = """
def softmax(x):
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / np.sum(shifted, axis=-1, keepdims=True)

"""
_MODULES = {"torch": _TORCH_MODULE, "numpy": _NUMPY_MODULE}
_SCALAR = {
    "torch": "        self.{0} = torch.nn.Parameter(torch.tensor({0}))\n",
    "numpy": "        self.{0} = np.float32({0})\n",
}


def model_source(formula: Formula, framework: str) -> str:
    """A task file for ``framework`` ("torch", "numpy") whose Model computes the formula.

    Raises UnsupportedError for another framework, or a function that the framework lacks.
    """
    if framework not in _MODULES:
        raise UnsupportedError(
            f"a formula becomes a torch or numpy Model, not a {framework} one; "
            "name one of these frameworks or give the Model's source"
        )
    inputs = [f"{name}_" if name in _TAKEN else name for name in formula.inputs]

    def rename(name: str) -> str:
        if name in formula.scalars:
            return f"self.{name}"
        return inputs[formula.inputs.index(name)]

    state = "".join(_SCALAR[framework].format(name) for name in formula.scalars)
    if framework == "numpy" and not state:
        state = "        pass\n"
    doc = "; ".join(assumptions(formula))
    body = _Printer(framework, rename).text(formula.tree)
    return _MODULES[framework].format(
        doc=f"Computes {formula.text}. Assumed: {doc}.",
        signature=", ".join(["self", *formula.scalars]),
        state=state,
        inputs=", ".join(inputs),
        body=body,
        math="import math\n\n" if "math." in body else "",
        helpers=_NUMPY_SOFTMAX if re.search(r"(?<!\.)\bsoftmax\(", body) else "",
        size=SIZE,
        count=len(inputs),
        values=repr([SCALARS[name] for name in formula.scalars]),
    )


_TAKEN = frozenset({"torch", "np", "math", "self", "softmax", "Model"})


def assumptions(formula: Formula) -> list[str]:
    """What the formula leaves open and how it was settled, one sentence each."""
    names = ", ".join(formula.inputs)
    plural = "inputs" if len(formula.inputs) > 1 else "an input"
    verb = "are" if len(formula.inputs) > 1 else "is"
    said = [f"{names} {verb} {plural}, float32 of shape {SIZE} x {SIZE}"]
    said += [f"{name} is a scalar parameter of {SCALARS[name]!r}" for name in formula.scalars]
    calls = [n for n in ast.walk(formula.tree) if isinstance(n, ast.Call) and len(n.args) == 1]
    names_called = {n.func.id for n in calls if isinstance(n.func, ast.Name)}
    along = sorted(n for n in names_called if _ALIASES.get(n, n) in _ALONG_LAST)
    if along:
        verb = "work" if len(along) > 1 else "works"
        said.append(f"{', '.join(along)} {verb} along the last axis, which is kept")
    return said
