"""Describes what Litestar cannot derive from a call's signature: bodies that it reads itself, files, headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.openapi.spec import Operation

from services.web.openapi.schemas import field_schema, object_schema
from services.wire.examples import example_of
from services.wire.fields import described_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.wire.fields import DescribedField

PHOTO_FILE = (
    "a.jpg",
    "image/jpeg, image/png, image/webp, image/gif, image/bmp, image/heic, image/heif, image/avif, image/tiff",
)
_TEXT = {"type": "string"}


def operation(
    *,
    body: Mapping[str, Any] | None = None,
    body_description: str | None = None,
    body_required: bool = True,
    query: type | None = None,
    headers: Sequence[Mapping[str, Any]] = (),
    responses: Mapping[int, Mapping[str, Any]] | None = None,
) -> type[Operation]:
    """Return an `operation_class` that adds to what Litestar derives of a call; all parts are as OpenAPI has them.

    Args:
        body: the request body, by media type: see `json_content` and `form_content`.
        body_description: what the schema and its fields do not say, such as a command.
        body_required: whether the call needs a body.
        query: the struct whose fields the call reads from its query (see `query_fields.read_from_query`).
        headers: request headers: see `request_header`.
        responses: the answers that are no JSON, by status: see `response`.
    """
    parameters = [*map(_query_parameter, described_fields(query) if query else ()), *headers]

    class DescribedOperation(Operation):
        def to_schema(self) -> dict[str, Any]:
            call = super().to_schema()
            if body:
                text = {"description": body_description} if body_description else {}
                call["requestBody"] = {"content": body, "required": body_required, **text}
            call["parameters"] = [*call.get("parameters", ()), *map(dict, parameters)]
            call["responses"] |= {str(status): dict(described) for status, described in (responses or {}).items()}
            return call

    return DescribedOperation


def json_content(struct: type, examples: Mapping[str, Any] | None = None, **rules: Any) -> dict[str, Any]:
    """Return the description of a JSON body that is converted into `struct`.

    Args:
        struct: see `object_schema`, also for the `rules`.
        examples: whole bodies by name; by default one, made from the examples of the fields.
    """
    named = {name: {"value": value} for name, value in (examples or {"example": example_of(struct)}).items()}
    return {"application/json": {"schema": object_schema(struct, in_json=True, **rules), "examples": named}}


def form_content(struct: type, files: Mapping[str, tuple[str, str]], **options: Any) -> dict[str, Any]:
    """Return the description of a multipart form that is converted into `struct`.

    Args:
        struct: see `object_schema`, also for the `options`.
        files: a file name and its content types for each field that is a file. The part's head must name both.
    """
    encoding = {
        field: {
            "contentType": types,
            "headers": {
                "Content-Disposition": {"schema": {"example": f'form-data; name="{field}"; filename="{filename}"'}}
            },
        }
        for field, (filename, types) in files.items()
    }
    return {"multipart/form-data": {"schema": object_schema(struct, in_json=False, **options), "encoding": encoding}}


def response(
    description: str, content: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return an answer: its content by media type, and the descriptions of its headers by name."""
    described = {name: header(text) for name, text in (headers or {}).items()}
    return {"description": description, "headers": described, **({"content": content} if content else {})}


def text_content(media_type: str, example: str) -> dict[str, Any]:
    """Return the description of a text."""
    return {media_type: {"schema": _TEXT, "examples": {"answer": {"value": example}}}}


def header(description: str) -> dict[str, Any]:
    """Return the description of an answer's header."""
    return {"schema": _TEXT, "description": description}


def request_header(name: str, description: str, example: str) -> dict[str, Any]:
    """Return the description of a request header."""
    return {"name": name, "in": "header", "schema": _TEXT, "description": description, "example": example}


def _query_parameter(field: DescribedField) -> dict[str, Any]:
    example = {"example": field.examples[0]} if field.examples else {}
    described = {"required": field.required, "schema": field_schema(field), "description": field.description}
    return {"name": field.name, "in": "query", **described, **example}
