"""Append-only SQLite record: every step of every run, committed as it happens.

A process may be killed at any moment: what was written stays readable, and the next run with the
same key finds the finished steps. Nothing is ever updated or deleted.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernelwright.errors import StoreError

MIGRATIONS = Path(__file__).with_name("migrations")


@dataclass(frozen=True)
class Run:
    id: int
    key: str
    op_name: str
    started_at: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    name: str
    written_at: str
    detail: Mapping[str, Any]


class Store:
    """One SQLite file; safe for several processes. Raises StoreError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _opening(path):
                _migrate(path)
                self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the record of runs at {path} cannot be opened: {error}. "
                "Give another place with KERNELWRIGHT_STATE_DIR."
            ) from error

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, key: str, op_name: str, detail: Mapping[str, Any]) -> int:
        """Adds a run and returns its id."""
        cursor = self._db.execute(
            "INSERT INTO run (key, op_name, started_at, detail) VALUES (?, ?, ?, ?)",
            (key, op_name, _now(), json.dumps(detail)),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add(self, run_id: int, name: str, detail: Mapping[str, Any]) -> None:
        """Adds a step; it is on disk when this returns."""
        self._db.execute(
            "INSERT INTO step (run_id, name, written_at, detail) VALUES (?, ?, ?, ?)",
            (run_id, name, _now(), json.dumps(detail)),
        )

    def find(self, key: str, name: str) -> Mapping[str, Any] | None:
        """The newest step ``name`` of any run with this key, or None."""
        row = self._db.execute(
            "SELECT step.detail FROM step JOIN run ON run.id = step.run_id "
            "WHERE run.key = ? AND step.name = ? ORDER BY step.id DESC LIMIT 1",
            (key, name),
        ).fetchone()
        if row is None:
            return None
        found: Mapping[str, Any] = json.loads(row[0])
        return found

    def find_all(self, key: str, name: str) -> list[Mapping[str, Any]]:
        """Every step ``name`` of all runs with this key, oldest first."""
        rows = self._db.execute(
            "SELECT step.detail FROM step JOIN run ON run.id = step.run_id "
            "WHERE run.key = ? AND step.name = ? ORDER BY step.id",
            (key, name),
        )
        return [json.loads(row[0]) for row in rows]

    def runs(self) -> Iterator[Run]:
        """All runs, newest first."""
        rows = self._db.execute(
            "SELECT id, key, op_name, started_at, detail FROM run ORDER BY id DESC"
        )
        for row in rows:
            yield Run(row[0], row[1], row[2], row[3], json.loads(row[4]))

    def steps(self, run_id: int) -> list[Step]:
        """The steps of one run, oldest first."""
        rows = self._db.execute(
            "SELECT name, written_at, detail FROM step WHERE run_id = ? ORDER BY id", (run_id,)
        )
        return [Step(name, at, json.loads(detail)) for name, at, detail in rows]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """One process at a time: SQLite answers "locked" at once, whatever the timeout, when two of
    them change the schema or the journal's mode of a new file."""
    with path.with_name(path.name + ".opening").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _migrate(path: Path) -> None:
    """Brings the file's schema to the newest migration; yoyo keeps the list of applied ones."""
    applied = sum(1 for _ in MIGRATIONS.glob("*.sql"))
    if path.exists():
        with closing(sqlite3.connect(path, timeout=30)) as db:
            try:
                (count,) = db.execute("SELECT count(*) FROM _yoyo_migration").fetchone()
            except sqlite3.OperationalError:
                count = 0
        if count == applied:
            return
    from yoyo import get_backend, read_migrations

    backend = get_backend(f"sqlite:///{path}")
    with backend.lock():
        backend.apply_migrations(backend.to_apply(read_migrations(str(MIGRATIONS))))
    backend.connection.close()
