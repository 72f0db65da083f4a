"""Completes Litestar's messages about invalid values: the parameter's public name, and the values or fields allowed."""

from __future__ import annotations

from dataclasses import is_dataclass
from enum import Enum
from inspect import isclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from services.wire.fields import described_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litestar.handlers import BaseRouteHandler
    from litestar.typing import FieldDefinition

_BODY = "data"
"""The parameter in which Litestar passes a call its body."""

_NOT_IN_ENUM = "Invalid enum value"
_UNKNOWN_FIELD = "unknown field"
"""Parts of msgspec's messages."""


def explained(handler: BaseRouteHandler, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a ValidationException's `extra` with the public name, and the values or fields allowed."""
    key, message = str(entry.get("key", "")), str(entry.get("message", ""))
    parameters = parameters_of(handler)
    parameter, body = parameters.get(key), _body_struct(parameters)
    if parameter is not None and parameter.kwarg_definition is not None:
        key = getattr(parameter.kwarg_definition, "name", None) or key
    if parameter is not None and message.startswith(_NOT_IN_ENUM):
        message += _choose_from([*_choices(parameter.annotation)])
    elif body is not None and (key == _BODY or parameter is None):
        key = "" if key == _BODY and _UNKNOWN_FIELD in message else key
        message += allowed(body, key, message)
    return {**entry, "key": key, "message": message}


def allowed(struct: type[msgspec.Struct], key: str, message: str) -> str:
    """Return what to add to msgspec's message: the values or fields allowed at `key`, such as `queries[0].engine`."""
    path = key.split(".") if key else []
    if _UNKNOWN_FIELD in message and (holder := _struct_at(struct, path)):
        return f"; the fields are {', '.join(field.name for field in described_fields(holder))}"
    if message.startswith(_NOT_IN_ENUM) and path and (holder := _struct_at(struct, path[:-1])):
        enums = {field.name: field.schema.get("enum", []) for field in described_fields(holder)}
        return _choose_from(enums.get(path[-1], []))
    return ""


def parameters_of(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """Return the call's parameters and those of its dependencies, by their names in the functions."""
    own, provided = handler.parsed_fn_signature.parameters, handler.resolve_dependencies()
    depended = (provided[name].parsed_fn_signature.parameters for name in own if name in provided)
    return {name: one for parameters in (*depended, own) for name, one in parameters.items()}


def _body_struct(parameters: Mapping[str, FieldDefinition]) -> type[msgspec.Struct] | None:
    return _struct_in(parameters[_BODY].annotation) if _BODY in parameters else None


def _struct_at(struct: type[msgspec.Struct], path: Sequence[str]) -> type[msgspec.Struct] | None:
    """Return the struct that a path of field names leads to; a name may have an index, as in `queries[0]`."""
    at: type[msgspec.Struct] | None = struct
    for name in path:
        at = at and _struct_in(get_type_hints(at).get(name.partition("[")[0]))
    return at


def _struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    """Return the struct or dataclass that an annotation is, or that a list or union has as its member."""
    classes: Iterator[Any] = (one for one in (annotation, *get_args(annotation)) if isclass(one))
    structs = (one for one in classes if issubclass(one, msgspec.Struct) or is_dataclass(one))
    return next(structs, None)


def _choose_from(values: list[str]) -> str:
    return f"; choose from {', '.join(values)}" if values else ""


def _choices(annotation: Any) -> Iterator[str]:
    if isclass(annotation) and issubclass(annotation, Enum):
        yield from (str(member.value) for member in annotation)
    elif get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)
