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
    """Return a dependency that makes a `struct` of the query parameters named as its fields.

    Litestar reads the types from the dependency's signature, which is made from the struct. The parameters are left
    out of the description that Litestar makes: it says null and no limits; `openapi.operations.operation` adds them.
    """

    def read(**values: Any) -> T:
        return struct(**{name: value for name, value in values.items() if value is not None})

    types = {
        name: Annotated[kind | None, QueryParameter(include_in_schema=False)]
        for name, kind in get_type_hints(struct).items()
    }
    parameters = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=types[name]) for name in types]
    read.__annotations__ = {**types, "return": struct}
    read.__signature__ = Signature(parameters, return_annotation=struct)  # type: ignore[attr-defined]
    return read
