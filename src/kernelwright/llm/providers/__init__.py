"""Providers, one module each: who carries a request to a model and its reply back, once.

A module's ``PROVIDER`` is called with a ``ModelSettings`` and gives a ``Provider`` (or a
``Replay``). Retrying, budgets, modes and records are the business of ``llm/client.py``.
"""
