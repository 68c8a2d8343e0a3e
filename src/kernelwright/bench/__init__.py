"""Benchmarks: workloads, comparison runs, tables for docs/benchmarks.md."""
