"""Builds examples of whole requests and answers from the examples of their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


def example_of(kind: Any) -> Any:
    """Return an example of a struct, or of a list of structs, as JSON has it."""
    (schema,), schemas = msgspec.json.schema_components((kind,))
    return example_of_schema(schema, schemas)


def example_of_schema(schema: Mapping[str, Any], schemas: Mapping[str, Any], number: int = 0) -> Any:
    """Return the example with this number, or the last one if there are fewer.

    Optional fields without an example are left out. A list of structs has as many items as a field of the struct has
    examples. Any other value without an example is empty or null.

    Args:
        schema: JSON Schema of the value.
        schemas: the schemas of the structs, by name.
        number: counted from 0.
    """
    if examples := schema.get("examples"):
        return examples[min(number, len(examples) - 1)]
    if struct := _struct_of(schema, schemas):
        fields = {
            name: field
            for name, field in struct["properties"].items()
            if name in struct.get("required", ()) or "examples" in field
        }
        return {name: example_of_schema(field, schemas, number) for name, field in fields.items()}
    if schema.get("type") == "array":
        item = _struct_of(schema["items"], schemas)
        return [example_of_schema(schema["items"], schemas, at) for at in range(_example_count(item) if item else 0)]
    return {} if schema.get("type") == "object" else None


def _struct_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of the struct that a schema refers to, also if null is allowed instead."""
    for choice in (schema, *(choice for rule in ("allOf", "anyOf", "oneOf") for choice in schema.get(rule, ()))):
        if "$ref" in choice:
            struct: Mapping[str, Any] = schemas[choice["$ref"].rpartition("/")[2]]
            return struct
    return None


def _example_count(struct: Mapping[str, Any]) -> int:
    return max(1, *(len(field.get("examples", ())) for field in struct["properties"].values()))
