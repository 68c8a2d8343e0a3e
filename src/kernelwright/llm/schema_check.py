"""Does a value follow a JSON schema? Servers that promise it do not always keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelwright.errors import MissingDependencyError, UsageError


def problem_with(value: Any, schema: Mapping[str, Any]) -> str:
    """ "" when ``value`` follows ``schema``, else what is wrong and where, in one line. Raises
    UsageError for a schema that is none."""
    try:
        import jsonschema
    except ImportError as error:
        raise MissingDependencyError("checking answers", "jsonschema", "llm") from error
    try:
        # Only what the schema itself holds: a reference to elsewhere would be fetched.
        jsonschema.Draft202012Validator.check_schema(schema)
        errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
        worst = jsonschema.exceptions.best_match(errors)
    except jsonschema.exceptions.SchemaError as error:
        raise UsageError(
            f"a tool's or an answer's JSON schema is wrong: {error.message}"
        ) from error
    if worst is None:
        return ""
    where = "".join(f"[{part!r}]" for part in worst.absolute_path)
    return f"{'at ' + where + ': ' if where else ''}{worst.message}"[:500]


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether every object in it lists all its properties as required and allows no others, which
    is what "strict" structured output asks for."""
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            return False
        if set(schema.get("required", ())) != set(properties):
            return False
        if not all(is_strict(item) for item in properties.values()):
            return False
    parts = [schema["items"]] if isinstance(schema.get("items"), Mapping) else []
    parts += [*schema.get("anyOf", ()), *schema.get("$defs", {}).values()]
    return (
        "oneOf" not in schema and "allOf" not in schema and all(is_strict(part) for part in parts)
    )
