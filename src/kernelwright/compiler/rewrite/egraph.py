"""The e-graph itself, in egglog: equality of terms, congruence, and the search for patterns.

The only module that imports egglog. Every op with a number of operands is a constructor, made when
it is first met, so that no op is known here by name. Terms are numbered by the caller; a class is
named by its oldest term. Facts go in as files of numbers and matches come out as rows of numbers:
egglog's text parser takes time that grows with the square of the text.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kernelwright.compiler.rewrite.patterns import Query, constructor

_PRELUDE = """
(sort Term)
(constructor Ref (i64) Term)
(function id_of (Term) i64 :merge (min old new))
(relation equal (i64 i64))
(ruleset load)
(ruleset search)
(rule ((equal a b)) ((union (Ref a) (Ref b))) :ruleset load)
"""

Row = tuple[int, ...]


class EGraph:
    """A context manager: it keeps a temporary folder while it lives."""

    def __init__(self) -> None:
        from egglog import bindings

        self._folder = tempfile.TemporaryDirectory(prefix="kernelwright-egraph-")
        self._egraph = bindings.EGraph(fact_directory=self._folder.name)
        self._constructors: set[tuple[str, int]] = set()
        self._queries: list[Query] = []
        self._idle: list[Query] = []
        self._seen: list[set[Row]] = []
        self._files = 0
        self._run(_PRELUDE)

    def __enter__(self) -> EGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _run(self, text: str) -> None:
        if text:
            self._egraph.run_program(*self._egraph.parse_program(text))

    def _declare(self, op: str, arity: int) -> None:
        if (op, arity) in self._constructors:
            return
        self._constructors.add((op, arity))
        name = constructor(op, arity)
        names = " ".join(f"x{i}" for i in range(arity))
        references = " ".join(f"(Ref x{i})" for i in range(arity))
        self._run(
            f"(constructor {name} (i64{' Term' * arity}) Term)\n"
            f"(relation new_{name} (i64 i64{' i64' * arity}))\n"
            f"(rule ((new_{name} t a {names})) ((union (Ref t) ({name} a {references}))"
            f" (set (id_of (Ref t)) t)) :ruleset load)\n"
            f"(relation drop_{name} (i64{' i64' * arity}))\n"
            f"(rule ((drop_{name} a {names})) ((subsume ({name} a {references}))) :ruleset load)"
        )

    def add_query(self, query: Query) -> None:
        """Has ``matches`` look for ``query`` too, from when there is a term of each of its ops."""
        self._idle.append(query)

    def _start_queries(self) -> None:
        ready = [q for q in self._idle if q.constructors <= self._constructors]
        self._idle = [q for q in self._idle if not q.constructors <= self._constructors]
        for query in ready:
            self._start(query)

    def _start(self, query: Query) -> None:
        name = f"match_{len(self._queries)}"
        self._queries.append(query)
        self._seen.append(set())
        self._run(
            f"(relation {name} ({' '.join('i64' for _ in query.row)}))\n"
            f"(rule ({query.text}) (({name} {' '.join(query.row)})) :ruleset search)"
        )

    def load(
        self,
        terms: Iterable[tuple[str, int, int, Row]],
        equal: Sequence[tuple[int, int]],
        dropped: Iterable[tuple[str, int, Row]] = (),
    ) -> None:
        """Enters new terms (op, number, attributes, operands) and pairs of equal terms. ``dropped``
        terms (op, attributes, operands) are no longer matched."""
        rows: dict[str, list[Row]] = {}
        for op, number, attributes, operands in terms:
            self._declare(op, len(operands))
            name = "new_" + constructor(op, len(operands))
            rows.setdefault(name, []).append((number, attributes, *operands))
        for op, attributes, operands in dropped:
            name = "drop_" + constructor(op, len(operands))
            rows.setdefault(name, []).append((attributes, *operands))
        if equal:
            rows["equal"] = [tuple(pair) for pair in equal]
        commands = []
        for name, numbers in rows.items():
            self._files += 1
            path = Path(self._folder.name) / f"{self._files}.tsv"
            path.write_text("".join("\t".join(map(str, r)) + "\n" for r in numbers), "ascii")
            commands.append(f'(input {name} "{path.name}")')
        self._run("\n".join([*commands, "(run-schedule (saturate (run load)))"]))

    def matches(self) -> list[tuple[Query, Row]]:
        """What the queries match and had not matched before."""
        self._start_queries()
        self._run("(run search 1)")
        functions = self._egraph.freeze().functions
        found: list[tuple[Query, Row]] = []
        for number, (query, seen) in enumerate(zip(self._queries, self._seen)):
            for row in functions[f"match_{number}"].rows:
                numbers = tuple(self._egraph.value_to_i64(v) for v in row.inputs)
                if numbers not in seen:
                    seen.add(numbers)
                    found.append((query, numbers))
        return found

    def classes(self, count: int) -> list[int]:
        """For each of the ``count`` terms the number that names its class."""
        functions = self._egraph.freeze().functions
        number: dict[Any, int] = {
            row.inputs[0]: self._egraph.value_to_i64(row.output) for row in functions["id_of"].rows
        }
        out = list(range(count))
        for row in functions["Ref"].rows:
            out[self._egraph.value_to_i64(row.inputs[0])] = number[row.output]
        return out
