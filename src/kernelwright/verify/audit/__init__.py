"""Whether a task can be judged at all: decoys, degenerate tasks, the audit."""
