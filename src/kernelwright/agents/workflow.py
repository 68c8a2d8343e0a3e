"""Workflows: which agent may follow which, how often, and where a language model may advise.

YAML in the reference system's form (docs/llm.md has the keys). A workflow only ever forbids: what
happens next is the Conductor's decision, which a workflow narrows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from kernelwright.errors import ConfigError

FINISH = "finish"
AGENTS = ("designer", "coder", "verifier")
DEFAULT_MAX_STEP = 20
_JSON_TYPES = {
    "str": "string", "string": "string", "int": "integer", "integer": "integer",
    "float": "number", "number": "number", "bool": "boolean", "boolean": "boolean",
    "list": "array", "array": "array", "dict": "object", "object": "object",
}  # fmt: skip


class WorkflowError(ConfigError, ValueError):
    """A workflow file is malformed; a ValueError too."""


@dataclass(frozen=True)
class Repeat:
    """At most ``most`` rounds of ``pattern`` in a row."""

    pattern: tuple[str, ...]
    most: int


@dataclass(frozen=True)
class OutputField:
    """One field of an agent's answer, with its JSON type."""

    type: str
    mandatory: bool
    description: str = ""


@dataclass(frozen=True)
class Workflow:
    """``follows`` maps an agent to those that may come next ("finish" ends the task); an agent that
    is not in it may be followed by any. ``in_a_row`` bounds direct repetitions of one agent.
    ``advised``: agents after whose failures a language model is asked, where one is configured."""

    start_agent: str
    max_step: int = DEFAULT_MAX_STEP
    follows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_a_row: Mapping[str, int] = field(default_factory=dict)
    repeats: tuple[Repeat, ...] = ()
    advised: frozenset[str] = frozenset()
    outputs: Mapping[str, Mapping[str, OutputField]] = field(default_factory=dict)

    def legal_next(self, history: Sequence[str]) -> tuple[str, ...]:
        """The agents that may come after those of ``history``, in the file's order. "finish" is
        always among them: a task may end anywhere."""
        if not history:
            return (self.start_agent, FINISH)
        after = self.follows.get(history[-1], (*AGENTS, FINISH))
        legal = [name for name in after if name == FINISH or self._may_come(history, name)]
        return tuple(dict.fromkeys([*legal, FINISH]))

    def answer_schema(self, agent: str) -> dict[str, Any]:
        """The JSON schema of ``agent``'s answer; of any object when the workflow says nothing."""
        fields = self.outputs.get(agent, {})
        properties = {
            name: {"type": known.type}
            | ({"description": known.description} if known.description else {})
            for name, known in fields.items()
        }
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name, known in fields.items() if known.mandatory],
            "additionalProperties": not fields,
        }

    def _may_come(self, history: Sequence[str], name: str) -> bool:
        most = self.in_a_row.get(name)
        if most is not None and _ends_with(history, (name,)) >= most:
            return False
        begun = (r for r in self.repeats if r.pattern[0] == name)
        return all(_ends_with(history, repeat.pattern) < repeat.most for repeat in begun)


def shipped(name: str) -> Workflow:
    """A packaged workflow: default, coder_only, verifier_only or conductor_connect_all. Raises
    KeyError for another name."""
    file = files("kernelwright.agents") / "workflows" / f"{name}.yaml"
    if not file.is_file():
        raise KeyError(name)
    return parse_workflow(yaml.safe_load(file.read_text("utf-8")), f"workflow {name}")


def shipped_names() -> list[str]:
    """The names of the packaged workflows."""
    folder = files("kernelwright.agents") / "workflows"
    names = (item.name for item in folder.iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def read_workflow(path: Path) -> Workflow:
    """The workflow in a YAML file. Raises WorkflowError."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WorkflowError(f"workflow {path} cannot be read: {error}") from error
    return parse_workflow(tree, f"workflow {path}")


def parse_workflow(tree: Any, where: str) -> Workflow:
    """The workflow that a parsed YAML document says. Raises WorkflowError, naming ``where``."""
    try:
        return _workflow(tree)
    except WorkflowError as error:
        raise WorkflowError(f"{where}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WorkflowError(
            f"{where} needs start_agent (one of {', '.join(AGENTS)}) and may have agent_info, "
            f"mandatory_llm_analysis and limitation_info: {error!r}"
        ) from error


def _workflow(tree: Any) -> Workflow:
    if tree["start_agent"] not in AGENTS:
        known = ", ".join(AGENTS)
        raise WorkflowError(f"unknown start_agent {tree['start_agent']!r}; known: {known}")
    infos = dict(tree.get("agent_info") or {})
    limits = tree.get("limitation_info") or {}
    optional = (limits.get("optional") or {}).get("repeat_limits") or {}
    workflow = Workflow(
        start_agent=str(tree["start_agent"]),
        max_step=_count((limits.get("required") or {}).get("max_step", DEFAULT_MAX_STEP)),
        follows={
            _agent(name): tuple(_agent(n, finish=True) for n in info["possible_next_agent"])
            for name, info in infos.items()
            if "possible_next_agent" in (info or {})
        },
        in_a_row={
            _agent(name): _count(most)
            for name, most in (optional.get("single_agent") or {}).items()
        },
        repeats=tuple(
            Repeat(_pattern(entry["pattern"]), _count(entry["max_repeats"]))
            for entry in (optional.get("sequences") or {}).values()
        ),
        advised=frozenset(_agent(name) for name in tree.get("mandatory_llm_analysis") or ()),
        outputs={_agent(name): _outputs(info or {}) for name, info in infos.items()},
    )
    if workflow.follows and workflow.start_agent not in workflow.follows:
        raise WorkflowError(f"start_agent {workflow.start_agent!r} has no entry in agent_info")
    return workflow


def _outputs(info: Mapping[str, Any]) -> dict[str, OutputField]:
    form = info.get("output_format") or {}
    fields = (form.get("parser_definition") or {}).get("output_fields") or {}
    found: dict[str, OutputField] = {}
    for name, entry in fields.items():
        kind = str(entry.get("field_type", "str"))
        if kind not in _JSON_TYPES:
            known = ", ".join(sorted(_JSON_TYPES))
            raise WorkflowError(f"unknown field_type {kind!r} of {name!r}; known: {known}")
        found[str(name)] = OutputField(
            _JSON_TYPES[kind],
            bool(entry.get("mandatory", True)),
            str(entry.get("field_description", "")),
        )
    return found


def _pattern(names: Sequence[Any]) -> tuple[str, ...]:
    pattern = tuple(_agent(name) for name in names)
    if not pattern:
        raise WorkflowError("a repeat limit's pattern is empty")
    return pattern


def _agent(name: Any, *, finish: bool = False) -> str:
    known = (*AGENTS, FINISH) if finish else AGENTS
    if name not in known:
        raise WorkflowError(f"unknown agent {name!r}; known: {', '.join(known)}")
    return str(name)


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise WorkflowError(f"a limit must be a whole number from 1, found {value!r}")
    return value


def _ends_with(history: Sequence[str], pattern: Sequence[str]) -> int:
    """How many rounds of ``pattern`` stand at the end of ``history``."""
    size, count = len(pattern), 0
    while tuple(history[len(history) - size * (count + 1) :][:size]) == tuple(pattern) and (
        size * (count + 1) <= len(history)
    ):
        count += 1
    return count
