"""What to say of a value that was refused: the name that the caller knows it by, and what there is to choose from."""

from __future__ import annotations

from enum import Enum
from inspect import isclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec
from litestar.openapi.spec import Operation, RequestBody, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litestar.handlers import BaseRouteHandler
    from litestar.typing import FieldDefinition

_BODY = "data"
"""The parameter in which Litestar gives a call its body."""


def explained(handler: BaseRouteHandler, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a ValidationException's `extra` with the parameter's own name, and the values or fields."""
    key, message = str(entry.get("key", "")), str(entry.get("message", ""))
    parameter = parameters_of(handler).get(key)
    if parameter is not None and parameter.kwarg_definition is not None:
        key = getattr(parameter.kwarg_definition, "name", None) or key
    if message.startswith("Invalid enum value"):
        choices = [*_choices(parameter.annotation)] if parameter is not None else [*_described(handler, key)]
        if choices:
            message += f"; choose from {', '.join(choices)}"
    if parameter is not None and key == _BODY and "unknown field" in message:
        key = ""
        message += f"; the fields are {', '.join(_fields(parameter.annotation))}"
    return {**entry, "key": key, "message": message}


def parameters_of(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """Return what the call takes, itself or through what it depends on, by the names that functions have for it."""
    own, provided = handler.parsed_fn_signature.parameters, handler.resolve_dependencies()
    depended = (provided[name].parsed_fn_signature.parameters for name in own if name in provided)
    return {name: one for parameters in (*depended, own) for name, one in parameters.items()}


def _choices(annotation: Any) -> Iterator[str]:
    if isclass(annotation) and issubclass(annotation, Enum):
        yield from (str(member.value) for member in annotation)
    elif get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)


def _fields(annotation: Any) -> list[str]:
    structs = (one for one in (annotation, *get_args(annotation)) if isclass(one) and issubclass(one, msgspec.Struct))
    return [field.name for struct in structs for field in msgspec.structs.fields(struct)]


def _described(handler: BaseRouteHandler, key: str) -> Iterator[str]:
    """Yield the values of a field of a body that the call reads by itself, as its OpenAPI description has them."""
    body = getattr(handler, "operation_class", Operation)().request_body
    field = key.rpartition(".")[2]
    for schema in (media.schema for media in (body.content.values() if isinstance(body, RequestBody) else ())):
        found = (schema.properties or {}).get(field) if isinstance(schema, Schema) else None
        if isinstance(found, Schema) and found.enum:
            yield from (str(value) for value in found.enum if value is not None)
            return
