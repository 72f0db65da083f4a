"""Describes what Litestar cannot derive from a call's signature: bodies that it reads itself, files, headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar.openapi.spec import (
    Encoding,
    Example,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from services.web.openapi.schemas import JsonSchema, field_schema
from services.wire.fields import described_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.wire.fields import DescribedField

_PHOTO_TYPES = "image/jpeg, image/png, image/webp, image/gif, image/bmp"


def operation(
    *,
    body: Mapping[str, OpenAPIMediaType] | None = None,
    body_description: str | None = None,
    body_required: bool = True,
    query: type | None = None,
    headers: Sequence[Parameter] = (),
    responses: Mapping[int, OpenAPIResponse] | None = None,
) -> type[Operation]:
    """Return an `operation_class` that adds to what Litestar derives of a call.

    Args:
        body: the request body, by media type: see `json_content` and `form_content`.
        body_description: what the schema and its fields do not say, such as a command.
        body_required: whether the call needs a body.
        query: the struct whose fields the call reads from its query (see `query_fields.read_from_query`).
        headers: request headers.
        responses: the answers that are no JSON, by status.
    """
    parameters = [_query_parameter(one) for one in described_fields(query)] if query else []

    @dataclass
    class DescribedOperation(Operation):
        def __post_init__(self) -> None:
            if body:
                self.request_body = RequestBody(content={**body}, required=body_required, description=body_description)
            self.parameters = [*(self.parameters or ()), *parameters, *headers]
            described = {str(status): response for status, response in (responses or {}).items()}
            self.responses = {**(self.responses or {}), **described}

    return DescribedOperation


def json_content(schema: Mapping[str, Any], **examples: object) -> dict[str, OpenAPIMediaType]:
    """Return the description of a JSON body, with whole bodies as named examples."""
    named = {name: Example(value=value) for name, value in examples.items()}
    return {"application/json": OpenAPIMediaType(schema=JsonSchema(value=schema), examples={**named})}


def form_content(schema: Mapping[str, Any], **files: Encoding) -> dict[str, OpenAPIMediaType]:
    """Return the description of a multipart form; `files` describes the fields that are files."""
    return {"multipart/form-data": OpenAPIMediaType(schema=JsonSchema(value=schema), encoding=files)}


def file_part(name: str, filename: str, content_type: str = _PHOTO_TYPES) -> Encoding:
    """Return the description of a form's part that is a file: its head must name the field and the file."""
    disposition = OpenAPIHeader(schema=Schema(example=f'form-data; name="{name}"; filename="{filename}"'))
    return Encoding(content_type=content_type, headers={"Content-Disposition": disposition})


def text_response(
    description: str, media_type: str, example: str, headers: Mapping[str, OpenAPIHeader] | None = None
) -> OpenAPIResponse:
    """Return the description of an answer that is text."""
    schema = Schema(type=OpenAPIType.STRING)
    content = OpenAPIMediaType(schema=schema, examples={"answer": Example(value=example)})
    return OpenAPIResponse(description=description, content={media_type: content}, headers={**(headers or {})})


def request_header(name: str, description: str, example: str) -> Parameter:
    """Return the description of a request header."""
    return Parameter(
        name=name,
        param_in="header",
        schema=Schema(type=OpenAPIType.STRING),
        description=description,
        example=example,
    )


def _query_parameter(described: DescribedField) -> Parameter:
    return Parameter(
        name=described.name,
        param_in="query",
        required=described.required,
        schema=JsonSchema(value=field_schema(described)),
        description=described.description,
        example=next(iter(described.examples), None),
    )
