"""Describes answers for OpenAPI; answers that every call may give are added here, once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Example,
    OpenAPI,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    PathItem,
    Reference,
    Schema,
)

from services.web.openapi.problem_examples import PROBLEMS
from services.web.problems import MEDIA_TYPE
from services.web.request_ids import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.web.problems import Problem

_ANY_CALL = (500,)
_API = (400, 401, 403, 429, 500, 503, 507)
"""Any call below /v1/ may refuse a parameter or a key, and fail with the database or a disk."""

_WITH_BODY = (408, 413)


@dataclass
class WholeExample(Example):
    """An example that keeps its null fields; Litestar drops them."""

    def to_schema(self) -> dict[str, Any]:
        """Return the example as the document has it."""
        return {"summary": self.summary, "value": self.value} if self.summary else {"value": self.value}


def answered(status: int, example: object, *, kind: Any = None, description: str = "") -> dict[int, ResponseSpec]:
    """Return the description of a JSON answer, by an example; `kind` is its type if it is not that of the example."""
    return {
        status: ResponseSpec(
            kind or type(example),
            description=description or HTTPStatus(status).phrase,
            generate_examples=False,
            examples=[WholeExample(id="answer", value=msgspec.to_builtins(example))],
        )
    }


def header(description: str) -> OpenAPIHeader:
    """Return the description of an answer's header."""
    return OpenAPIHeader(schema=Schema(type=OpenAPIType.STRING), description=description)


@dataclass
class CompleteOpenAPI(OpenAPI):
    """The document, with the parts that all calls have in common."""

    def to_schema(self) -> dict[str, Any]:
        """Return the document."""
        self.components.responses = {_name(problem): _described(problem) for problem in PROBLEMS}
        self.components.headers = {HEADER: header("Identifies the request in the server's log.")}
        for path, item in (self.paths or {}).items():
            for operation in _operations(item):
                _complete(operation, _common(path, operation))
        return super().to_schema()

    @classmethod
    def of(cls, plain: OpenAPI) -> CompleteOpenAPI:
        """Return a complete document that starts from `plain`."""
        return cls(**{field.name: getattr(plain, field.name) for field in fields(plain)})


def _operations(item: PathItem) -> Iterator[Operation]:
    for method in ("get", "put", "post", "delete", "patch"):
        operation = getattr(item, method)
        if operation is not None:
            yield operation


def _common(path: str, operation: Operation) -> set[int]:
    with_body = _WITH_BODY if operation.request_body else ()
    with_name = (404,) if "{" in path else ()
    return {*(_API if path.startswith("/v1/") else _ANY_CALL), *with_body, *with_name}


def _complete(operation: Operation, common: set[int]) -> None:
    operation.parameters = [_simple(one) if isinstance(one, Parameter) else one for one in operation.parameters or ()]
    described = operation.responses or {}
    problems = {problem.status: problem for problem in PROBLEMS}
    operation.responses = {}
    for status in sorted({int(status) for status in described} | common):
        response = described.get(str(status))
        if status in problems:
            operation.responses[str(status)] = Reference(ref=f"#/components/responses/{_name(problems[status])}")
        elif isinstance(response, OpenAPIResponse):
            response.headers = {**(response.headers or {}), **_request_id()}
            operation.responses[str(status)] = response


def _simple(parameter: Parameter) -> Parameter:
    """Return the parameter without null, which a URL and a header cannot hold, and with its one example as such."""
    schema = parameter.schema
    if isinstance(schema, Schema) and schema.one_of and len(schema.one_of) == 2:
        (one,) = [each for each in schema.one_of if not (isinstance(each, Schema) and each.type == OpenAPIType.NULL)]
        if isinstance(one, Schema):
            one = replace(schema, one_of=None, type=one.type, items=one.items, enum=one.enum)
        schema = one
    examples = [one.value for one in (parameter.examples or {}).values() if isinstance(one, Example)]
    example = examples[0] if examples else parameter.example
    return replace(parameter, schema=schema, example=example, examples=None)


def _described(problem: Problem) -> OpenAPIResponse:
    headers = _request_id()
    if problem.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = header("Seconds to wait before you try again.")
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = header("`Bearer`")
    example = WholeExample(value=msgspec.to_builtins(problem))
    content = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"), examples={"problem": example})
    return OpenAPIResponse(description=problem.title, headers=headers, content={MEDIA_TYPE: content})


def _request_id() -> dict[str, OpenAPIHeader | Reference]:
    return {HEADER: Reference(ref=f"#/components/headers/{HEADER}")}


def _name(problem: Problem) -> str:
    return HTTPStatus(problem.status).phrase.title().replace(" ", "")
