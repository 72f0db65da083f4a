"""Completes the OpenAPI document of Litestar: an example of each answer, and the answers that all calls have."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.openapi.spec import OpenAPI

from services.web.openapi.operations import header, response
from services.web.openapi.problem_examples import PROBLEMS
from services.web.problems import MEDIA_TYPE
from services.web.request_ids import HEADER
from services.wire.examples import example_of_schema

if TYPE_CHECKING:
    from services.web.problems import Problem

_ANY_CALL = (403, 421, 500)
_API = (400, 401, *_ANY_CALL, 429, 503, 507)
"""Any call below /v1/ may refuse a parameter or a key, and fail with the database or a disk."""

_WITH_BODY = (408, 413, 415)

_PROBLEM_NAMES = {str(one.status): HTTPStatus(one.status).phrase.title().replace(" ", "") for one in PROBLEMS}
_REQUEST_ID = {HEADER: {"$ref": f"#/components/headers/{HEADER}"}}
_PROBLEM_HEADERS = {
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "Seconds to wait before you try again."},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "Seconds to wait before you try again."},
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "`Bearer`"},
}


class CompleteOpenAPI(OpenAPI):
    """The document, with the parts that Litestar leaves out."""

    def to_schema(self) -> dict[str, Any]:
        document = super().to_schema()
        components = document["components"]
        components["headers"] = {HEADER: header("Identifies the request in the server's log.")}
        components["responses"] = {_PROBLEM_NAMES[str(one.status)]: _problem_response(one) for one in PROBLEMS}
        for path, calls in document["paths"].items():
            for call in calls.values():
                _complete_call(call, _shared_statuses(path, call), components["schemas"])
        return document


def _shared_statuses(path: str, call: dict[str, Any]) -> set[int]:
    """Return the statuses that such a call may have besides its own."""
    with_body = _WITH_BODY if "requestBody" in call else ()
    with_path_parameter = (404,) if "{" in path else ()
    return {*(_API if path.startswith("/v1/") else _ANY_CALL), *with_body, *with_path_parameter}


def _complete_call(call: dict[str, Any], shared: set[int], schemas: dict[str, Any]) -> None:
    for parameter in call.get("parameters", ()):
        _drop_null(parameter)
    answers = call["responses"]
    call["responses"] = {
        status: {"$ref": f"#/components/responses/{_PROBLEM_NAMES[status]}"}
        if status in _PROBLEM_NAMES
        else _with_example(answers[status], schemas)
        for status in sorted(answers.keys() | map(str, shared))
    }


def _with_example(answer: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if content := answer.get("content", {}).get("application/json"):
        content.setdefault("examples", {"answer": {"value": example_of_schema(content["schema"], schemas)}})
    return {**answer, "headers": {**answer.get("headers", {}), **_REQUEST_ID}}


def _drop_null(parameter: dict[str, Any]) -> None:
    """Remove null, which a URL and a header cannot hold, and state the one example as such."""
    schema = parameter["schema"]
    if choices := schema.pop("oneOf", None):
        (value,) = [choice for choice in choices if choice != {"type": "null"}]
        parameter["schema"] = value if "$ref" in value else {**value, **schema}
    for example in parameter.pop("examples", {}).values():
        parameter["example"] = example["value"]


def _problem_response(problem: Problem) -> dict[str, Any]:
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {"problem": {"value": msgspec.to_builtins(problem)}},
    }
    described = response(problem.title, {MEDIA_TYPE: content}, _PROBLEM_HEADERS.get(HTTPStatus(problem.status)))
    return {**described, "headers": {**described["headers"], **_REQUEST_ID}}
