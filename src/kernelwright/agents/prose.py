"""Task descriptions in prose: finds the one formula that they give, and refuses to guess.

"Swish activation function: x * sigmoid(beta * x)" is understood. A text is refused, with what to
write instead, when it has no formula, several, or words that would change what the formula means.
"""

from __future__ import annotations

import ast
import logging
import re

from kernelwright.agents.formula import FUNCTIONS, Formula, assumptions, model_source, parse_formula
from kernelwright.errors import UsageError

log = logging.getLogger(__name__)

_CODE = re.compile(r"^\s*(class\s+\w+|def\s+\w+\s*\(|import\s+\w|from\s+\w[\w.]*\s+import\b)", re.M)
_SYMBOLS = {
    "·": "*", "×": "*", "⋅": "*", "∗": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "²": "**2",
    "³": "**3", "√": "sqrt", "π": "pi", "∙": "*", "≔": "=", "：": ":", "，": ",", "。": ".",
    "（": "(", "）": ")", "；": ";",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "ϵ": "eps", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lam", "μ": "mu", "ν": "nu",
    "ξ": "xi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
# Outside the formula these words say something that it does not, wherever they stand ...
_CONSTRAINT = re.compile(
    r"\b(u?int\d+|b?float\d+|fp\d+|bf16|half|double|bool|complex\d+|shapes?|dtype|rows?|columns?|"
    r"axis|dim|dimensions?|over|along|where|if|unless|otherwise|then|followed|masked?|mask|causal|"
    r"batch(ed)?|per|each)\b|\d",
    re.IGNORECASE,
)
# ... and these when they stand beside it, not in a title of their own.
_OPERATION = re.compile(
    r"\b(plus|minus|times|divided|multiplied|product|difference|squared|cubed|power|transposed?|"
    r"reduced?|convolution|conv\d?d?|not|without|except)\b",
    re.IGNORECASE,
)
_SHORT_NAME = re.compile(r"[A-Za-z](\d*|_\w+)")
_DEFINED = re.compile(r"\b[A-Za-z_]\w*\s*(\([\w\s,]*\))?\s*(?<![<>=!])=(?!=)")
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+\.?\d*(?:[eE][+-]?\d+)?|\*\*|\S")
_WHAT_TO_DO = (
    "Write it as a formula after a colon, such as 'Swish: x * sigmoid(beta * x)', or give the "
    "source of a Model with get_inputs() and get_init_inputs(); other prose needs an LLM, and "
    "none is configured."
)
MAX_CHARS = 20_000
_MAX_TOKENS = 120  # of one clause that is searched for a formula within words


def is_prose(description: str) -> bool:
    """Whether a task description is no Python source."""
    return not _CODE.search(description)


def source_from_prose(description: str, framework: str) -> str:
    """The task file that ``description`` asks for, in ``framework`` ("torch" or "numpy").

    Everything assumed is logged at INFO. Raises UsageError when the text cannot be understood for
    certain, UnsupportedError when the framework cannot say it.
    """
    formula = find_formula(description)
    source = model_source(formula, framework)
    log.info("read the formula %s in the task description", formula.text)
    for text in assumptions(formula):
        log.info("assumed: %s", text)
    return source


def find_formula(description: str) -> Formula:
    """The one formula in ``description``; raises UsageError when there is not exactly one."""
    if len(description) > MAX_CHARS:
        raise UsageError(f"the task description has {len(description)} characters. {_WHAT_TO_DO}")
    shown = " ".join(description.split())[:200]
    clauses = _clauses(description)
    whole = [(clause, found) for clause in clauses if (found := _whole(clause))]
    if len(whole) > 1:
        texts = "; ".join(formula.text for _, formula in whole)
        raise UsageError(f"the task description holds several formulas ({texts}). {_WHAT_TO_DO}")
    if whole:
        clause, formula = whole[0]
        outside = [c for c in clauses if c is not clause]
    else:
        within = [(c, *part) for c in clauses if (part := _within(c))]
        if len(within) != 1:
            raise UsageError(
                f"no formula was found in the task description {shown!r}. {_WHAT_TO_DO}"
            )
        clause, formula, rest = within[0]
        outside = [c for c in clauses if c is not clause]
        stray = re.search(r"[*/+^@()\[\]{}<>=]", rest)
        words = re.findall(r"[A-Za-z_]\w*", rest)
        strange = stray.group() if stray else next((w for w in words if w in FUNCTIONS), None)
        if operation := _OPERATION.search(rest):
            strange = strange or operation.group()
        if strange:
            raise UsageError(
                f"the formula {formula.text!r} leaves {strange!r} of the task description "
                f"{shown!r} unexplained. {_WHAT_TO_DO}"
            )
        outside.append(rest)
    for text in outside:
        if meaning := _CONSTRAINT.search(text):
            raise UsageError(
                f"the task description {shown!r} says {meaning.group()!r}, which the formula "
                f"{formula.text!r} does not. {_WHAT_TO_DO}"
            )
    return formula


def _clauses(description: str) -> list[str]:
    """Pieces between colons, semicolons, line ends and full stops, in ASCII spelling; the left side
    of "y = ..." and "f(x) = ..." is dropped."""
    text = description
    for symbol, ascii_text in _SYMBOLS.items():
        text = text.replace(symbol, ascii_text)
    text = _DEFINED.sub("\n", text)
    pieces = re.split(r"[:;\n`\"]|\.(?=\s|$)", text)
    return [piece.strip().rstrip(",").strip() for piece in pieces if piece.strip()]


def _whole(clause: str) -> Formula | None:
    """The clause as a formula. A name with a hyphen ("element-wise") is a word, and "f(x)" is the
    name of what is defined."""
    formula = parse_formula(clause)
    if formula is None or _is_hyphenated(formula):
        return None
    return formula


def _is_hyphenated(formula: Formula) -> bool:
    tree = formula.tree
    plain = all(
        isinstance(n, ast.BinOp | ast.Name | ast.operator | ast.Load) for n in ast.walk(tree)
    )
    words = re.fullmatch(r"[A-Za-z]{2,}([-/][A-Za-z]{2,})+", formula.text)
    return plain and words is not None


def _within(clause: str) -> tuple[Formula, str] | None:
    """The longest formula over short names among the words of a clause, and the other words."""
    tokens = [(m.start(), m.end()) for m in _TOKEN.finditer(clause)][:_MAX_TOKENS]
    best: tuple[Formula, int, int] | None = None
    for first, (start, _) in enumerate(tokens):
        for _, end in reversed(tokens[first:]):
            if best is not None and end - start <= best[2] - best[1]:
                break
            formula = parse_formula(clause[start:end])
            if formula is not None and all(_SHORT_NAME.fullmatch(n) for n in formula.inputs):
                best = (formula, start, end)
                break
    if best is None:
        return None
    formula, start, end = best
    glued = clause[:start][-1:], clause[end:][:1]
    if any(c and not c.isspace() and c not in ",'" for c in glued):
        return None
    return formula, f"{clause[:start]} {clause[end:]}"
