-- Runs and their steps. Rows are only ever added; a run's state is what its steps say.

CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL,             -- names the task, target, options and versions
    op_name    TEXT NOT NULL,
    started_at TEXT NOT NULL,             -- UTC, ISO 8601
    detail     TEXT NOT NULL              -- JSON: what was asked for
);
CREATE INDEX run_key ON run (key);

CREATE TABLE step (
    id         INTEGER PRIMARY KEY,
    run_id     INTEGER NOT NULL REFERENCES run (id),
    name       TEXT NOT NULL,             -- design, verify:mlir, profile, result, ...
    written_at TEXT NOT NULL,
    detail     TEXT NOT NULL              -- JSON: what came out
);
CREATE INDEX step_run ON step (run_id, name);
