"""Lets a call take the fields of a struct as query parameters."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import msgspec
from litestar.params import QueryParameter

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T", bound=msgspec.Struct)


def read_from_query(struct: type[T]) -> Callable[..., T]:
    """Return a dependency that builds a `struct` from the query parameters with its fields' names.

    Litestar reads the types from the dependency's signature, which is generated here. `openapi.operations.operation`
    describes the parameters: Litestar's own description would allow null and lack the limits.
    """

    def read(**values: Any) -> T:
        return struct(**{name: value for name, value in values.items() if value is not None})

    types = get_type_hints(struct)
    parameters = [_parameter(field, types[field.name]) for field in msgspec.structs.fields(struct)]
    read.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": struct}
    read.__signature__ = Signature(parameters, return_annotation=struct)  # type: ignore[attr-defined]
    return read


def _parameter(field: msgspec.structs.FieldInfo, kind: Any) -> Parameter:
    """Return the parameter of a field. The default of a list is None: the struct makes a new list itself."""
    default = None if field.default is msgspec.NODEFAULT else field.default
    taken = kind | None if default is None else kind
    return Parameter(
        field.name,
        Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[taken, QueryParameter(include_in_schema=False)],
    )
