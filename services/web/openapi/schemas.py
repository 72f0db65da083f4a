"""JSON Schemas of requests, derived from the structs that describe them (see `services.wire.fields`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.wire.fields import described_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.wire.fields import DescribedField

_LIMITLESS = ("type", "items", "anyOf", "enum", "properties", "additionalProperties", "description")


def object_schema(
    struct: type,
    *,
    in_json: bool,
    replaced: Mapping[str, Mapping[str, Any]] | None = None,
    **rules: Any,
) -> dict[str, Any]:
    """Return the schema of a request body.

    Args:
        struct: the msgspec struct or dataclass that the body is converted into.
        in_json: whether the body is JSON, which has null, or a form, which has not. The fields of a form get no
            examples: tools would combine them into a body without its file.
        replaced: schemas of fields that differ in this body.
        rules: keywords for rules between the fields, such as `oneOf`.
    """
    fields = described_fields(struct)
    properties = {one.name: field_schema(one, nullable=in_json, examples=in_json) for one in fields}
    return {
        "type": "object",
        "properties": properties | dict(replaced or {}),
        "required": [one.name for one in fields if one.required],
        "additionalProperties": False,
        **rules,
    }


def field_schema(field: DescribedField, *, nullable: bool = False, examples: bool = False) -> dict[str, Any]:
    """Return the schema of one field with its description and default, and optionally with null and examples."""
    schema = dict(field.schema)
    takes_null = nullable and field.nullable
    if takes_null:
        schema = _or_null(schema)
    if field.description:
        schema["description"] = field.description
    # JSON that may leave a field out or null has no default: a client that filled it in would break `cursor` pages.
    if field.default not in (None, "", []) and not takes_null:
        schema["default"] = field.default
    if examples and field.examples:
        schema["examples"] = list(field.examples)
    return schema


def without_limits(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that allows any value of the fields' types, in any combination."""
    properties = {name: _limitless(one) for name, one in schema["properties"].items()}
    return {"type": "object", "properties": properties, "required": [], "additionalProperties": False}


def _limitless(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_limitless(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _limitless(schema[key]) for key in _LIMITLESS if key in schema and key != "properties"}
    inner = {name: _limitless(one) for name, one in schema.get("properties", {}).items()}
    return kept | {"properties": inner} if inner else kept


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **enum}
