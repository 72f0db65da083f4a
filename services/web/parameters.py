"""Describes parameters of calls, each with an example."""

from __future__ import annotations

from typing import Annotated, Any

from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter


def query(description: str, example: object, **settings: Any) -> QueryParameter:
    """Return a query parameter; `settings` are its limits and name, as Litestar has them."""
    return QueryParameter(description=description, examples=[Example(value=example)], **settings)


def in_path(example: object) -> PathParameter:
    """Return a parameter in the path."""
    return PathParameter(examples=[Example(value=example)])


ListingIdInPath = Annotated[str, in_path("lamp-1")]
