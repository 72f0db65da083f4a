"""Describes the fields of a request or an answer from its struct: types, limits, defaults, descriptions and examples.

Each struct of this package states all of it with `described`; OpenAPI and the documentation are derived from that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NULL = {"type": "null"}
_ANNOTATIONS = ("title", "description", "default", "examples")


def described(description: str, *examples: Any, **keywords: Any) -> msgspec.Meta:
    """Return a field's description, for `Annotated`; `keywords` are those of JSON Schema, such as `minimum`.

    msgspec does not check these limits. The service does, with `out_of_limits`: its error names the value, and one
    wrong search does not refuse the others of its batch.
    """
    return msgspec.Meta(description=description, examples=list(examples) or None, extra_json_schema=keywords)


def example(*values: Any) -> msgspec.Meta:
    """Return examples of a field that needs no description, for `Annotated`.

    Around a type that has examples itself, they replace the type's.
    """
    return msgspec.Meta(examples=list(values))


@dataclass(frozen=True, slots=True)
class DescribedField:
    """One field of a struct.

    Attributes:
        schema: JSON Schema of its values other than null: type and limits alone.
        nullable: whether JSON may have null instead of a value.
        required: whether a request must have the field.
        default: as JSON has it; None if there is none.
        examples: values as JSON has them.
    """

    name: str
    schema: Mapping[str, Any]
    nullable: bool
    required: bool
    default: Any
    description: str
    examples: tuple[Any, ...]

    @property
    def type(self) -> str:
        """The JSON type in words: `integer`, `list of string`, `number or string`, or the name of a struct."""
        return _type_of(self.schema)

    @property
    def limits(self) -> str:
        """The limits in words, such as `1 to 100`. Patterns are left out: the description names the format."""
        return _limits_of(self.schema)


@cache
def described_fields(struct: type) -> tuple[DescribedField, ...]:
    """Return the fields of a msgspec struct or a dataclass, in their order."""
    _, components = msgspec.json.schema_components((struct,), schema_hook=_file_schema)
    described = components[struct.__name__]
    required = set(described.get("required", ()))
    return tuple(
        _described_field(name, schema, components, required=name in required)
        for name, schema in described["properties"].items()
    )


def out_of_limits(request: msgspec.Struct) -> Iterator[tuple[DescribedField, float]]:
    """Yield each field whose number is outside its limits, with the number; infinity and NaN count as outside."""
    for field in described_fields(type(request)):
        value = getattr(request, field.name)
        if isinstance(value, int | float) and not _within(value, field.schema):
            yield field, value


def _within(number: float, schema: Mapping[str, Any]) -> bool:
    return (
        isfinite(number)
        and schema.get("minimum", number) <= number <= schema.get("maximum", number)
        and schema.get("exclusiveMinimum", -inf) < number
    )


def _described_field(
    name: str, schema: dict[str, Any], components: dict[str, Any], *, required: bool
) -> DescribedField:
    nullable, schema = _without_null(_inlined(schema, components))
    return DescribedField(
        name=name,
        schema={key: value for key, value in schema.items() if key not in _ANNOTATIONS},
        nullable=nullable,
        required=required,
        default=schema.get("default"),
        description=schema.get("description", ""),
        examples=tuple(schema.get("examples", ())),
    )


def _file_schema(_type: type) -> dict[str, Any]:
    """Describe a type that msgspec does not know; the one such type in requests is an uploaded file."""
    return {"type": "string", "format": "binary"}


def _inlined(schema: Any, components: dict[str, Any], *, structs: bool = False) -> Any:
    """Return the schema with enums in place of references to them.

    References to structs stay, unless they are the values of an object.
    """
    if isinstance(schema, list):
        return [_inlined(one, components, structs=structs) for one in schema]
    if not isinstance(schema, dict):
        return schema
    target = components.get(schema.get("$ref", "").rpartition("/")[2], {})
    if "enum" in target:
        return {**{key: schema[key] for key in schema if key != "$ref"}, "type": "string", "enum": target["enum"]}
    if target and structs:
        return _inlined(target, components, structs=True)
    inlined = {
        key: _inlined(value, components, structs=structs or key == "additionalProperties")
        for key, value in schema.items()
    }
    return {"type": "string", **inlined} if "enum" in inlined and "type" not in inlined else inlined


def _without_null(schema: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Return whether null is allowed, and the schema of the other values."""
    choices = schema.get("anyOf", [])
    values = [choice for choice in choices if choice != _NULL]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(values) == 1:
        rest = {**values[0], **{key: value for key, value in rest.items() if value is not None}}
    elif values:
        rest["anyOf"] = values
    return len(values) < len(choices), rest


def _type_of(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type_of(choice) for choice in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("format") == "binary":
        return "file"
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _limits_of(schema: Mapping[str, Any]) -> str:
    inner = [limits for one in (*schema.get("anyOf", ()), schema.get("items")) if one and (limits := _limits_of(one))]
    own = [
        _range(schema, "minimum", "maximum"),
        _range(schema, "minItems", "maxItems", " items"),
        _range(schema, "minLength", "maxLength", " characters"),
        _range(schema, "minProperties", "maxProperties", " names"),
        f"one of {', '.join(f'`{value}`' for value in schema['enum'])}" if "enum" in schema else "",
    ]
    return ", ".join(filter(None, [*own, *inner]))


def _range(schema: Mapping[str, Any], low: str, high: str, unit: str = "") -> str:
    above = schema.get(f"exclusive{low.capitalize()}")
    least, most = schema.get(low), schema.get(high)
    if least is not None and most is not None:
        return f"{least} to {most}{unit}"
    return ", ".join(
        f"{words} {limit}{unit}"
        for words, limit in (("above", above), ("at least", least), ("at most", most))
        if limit is not None
    )
