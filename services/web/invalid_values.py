"""Completes Litestar's messages about invalid values: the parameter's public name, and the values or fields allowed."""

from __future__ import annotations

from enum import Enum
from inspect import isclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from services.wire.fields import described_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """Return what to add to msgspec's message about the field `key` of a struct: the values or fields allowed."""
    fields = {field.name: field for field in described_fields(struct)}
    if _UNKNOWN_FIELD in message and not key:
        return f"; the fields are {', '.join(fields)}"
    if message.startswith(_NOT_IN_ENUM) and key in fields:
        return _choose_from(fields[key].schema.get("enum", []))
    return ""


def parameters_of(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """Return the call's parameters and those of its dependencies, by their names in the functions."""
    own, provided = handler.parsed_fn_signature.parameters, handler.resolve_dependencies()
    depended = (provided[name].parsed_fn_signature.parameters for name in own if name in provided)
    return {name: one for parameters in (*depended, own) for name, one in parameters.items()}


def _body_struct(parameters: Mapping[str, FieldDefinition]) -> type[msgspec.Struct] | None:
    annotation = parameters[_BODY].annotation if _BODY in parameters else None
    structs = (one for one in (annotation, *get_args(annotation)) if isclass(one) and issubclass(one, msgspec.Struct))
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
