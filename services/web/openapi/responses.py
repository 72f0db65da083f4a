"""What calls answer, for the API's description: what is true of every call is added here and stated once."""

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
"""What any call below /v1/ may answer: a parameter that it does not take, its key, the database or a disk at fault."""

_WITH_BODY = (408, 413)

_EXAMPLES: dict[str, object] = {
    "listing_id": "lamp-1",
    "photo_id": 7,
    "job_id": "5f0c7a8e1b2d4c6f9a3e7d1b8c4f2a60",
    "generation": 1,
    "k": 20,
    "category": ["Home & Garden"],
    "category_path": "Home & Garden / Lamps",
    "price_min": 5,
    "price_max": 50,
    "currency": "GBP",
    "location": "Delph, Manchester",
    "region": "Manchester",
    "max_age_days": 60,
    "seller": ["seller-9"],
    "exclude_seller": ["seller-3"],
    "same_seller": False,
    "exclude_listing": ["lamp-3"],
    "min_score": 0.5,
    "diversity": 0.3,
    "price_weight": 0.5,
    "place_weight": 0.5,
    "recency_weight": 0.2,
    "near_price": 20,
    "near_currency": "GBP",
    "near_place": "Delph, Manchester",
    "category_aware": True,
    "crop": "0.25,0.25,0.5,0.5",
    "cursor": "kaFzhKNsYW1w",
    "engine": "faiss",
    "query_token": "lKFsp2xhbXAtMQ",
    "size": 256,
    "v": "9f86d081884c7d65",
    "hours": 24,
    "limit": 20,
    "If-None-Match": '"9f86d081884c7d65"',
    "Idempotency-Key": "2026-03-01-listings",
    "Last-Event-ID": "3f1c0a9b7d2e4f60",
}
"""Examples of what stands in paths, queries and headers, by name; calls may give their own."""


@dataclass
class WholeExample(Example):
    """An example that is shown as it is: Litestar leaves out fields that are null, also where an answer has them."""

    def to_schema(self) -> dict[str, Any]:
        """Return the example as the document has it."""
        return {"summary": self.summary, "value": self.value} if self.summary else {"value": self.value}


def answered(status: int, example: object, *, kind: Any = None, description: str = "") -> dict[int, ResponseSpec]:
    """Return the description of a JSON answer: an example of it, and its type where the example's own does not say."""
    return {
        status: ResponseSpec(
            kind or type(example),
            description=description or HTTPStatus(status).phrase,
            generate_examples=False,
            examples=[WholeExample(id="answer", value=msgspec.to_builtins(example))],
        )
    }


def header(description: str) -> OpenAPIHeader:
    """Return the description of a header of an answer."""
    return OpenAPIHeader(schema=Schema(type=OpenAPIType.STRING), description=description)


@dataclass
class CompleteOpenAPI(OpenAPI):
    """The document, with what calls need not say of themselves."""

    def to_schema(self) -> dict[str, Any]:
        """Return the document."""
        self.components.responses = {_name(problem): _described(problem) for problem in PROBLEMS}
        self.components.headers = {HEADER: header("Names the request in the server's log.")}
        for path, item in (self.paths or {}).items():
            for operation in _operations(item):
                _complete(operation, _common(path, operation))
        return super().to_schema()

    @classmethod
    def of(cls, plain: OpenAPI) -> CompleteOpenAPI:
        """Return the document that `plain` begins."""
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
    operation.parameters = [_told(one) if isinstance(one, Parameter) else one for one in operation.parameters or ()]
    told = operation.responses or {}
    problems = {problem.status: problem for problem in PROBLEMS}
    operation.responses = {}
    for status in sorted({int(status) for status in told} | common):
        response = told.get(str(status))
        if status in problems:
            operation.responses[str(status)] = Reference(ref=f"#/components/responses/{_name(problems[status])}")
        elif isinstance(response, OpenAPIResponse):
            response.headers = {**(response.headers or {}), **_request_id()}
            operation.responses[str(status)] = response


def _told(parameter: Parameter) -> Parameter:
    """Return the parameter without null among its values, which a URL and a header cannot hold, and with an example."""
    schema = parameter.schema
    if isinstance(schema, Schema) and schema.one_of and len(schema.one_of) == 2:
        (one,) = [each for each in schema.one_of if not (isinstance(each, Schema) and each.type == OpenAPIType.NULL)]
        if isinstance(one, Schema):
            one = replace(schema, one_of=None, type=one.type, items=one.items, enum=one.enum)
        schema = one
    return replace(parameter, schema=schema, example=None if parameter.examples else _EXAMPLES.get(parameter.name))


def _described(problem: Problem) -> OpenAPIResponse:
    headers = _request_id()
    if problem.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = header("In how many seconds to try again.")
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = header("`Bearer`")
    example = WholeExample(value=msgspec.to_builtins(problem))
    content = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"), examples={"problem": example})
    return OpenAPIResponse(description=problem.title, headers=headers, content={MEDIA_TYPE: content})


def _request_id() -> dict[str, OpenAPIHeader | Reference]:
    return {HEADER: Reference(ref=f"#/components/headers/{HEADER}")}


def _name(problem: Problem) -> str:
    return HTTPStatus(problem.status).phrase.title().replace(" ", "")
