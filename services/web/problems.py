"""Every error as RFC 9457 problem details: what was wrong, and what to do, as `application/problem+json`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec

from services.errors import BadInput, BadQuery, Conflict, LookalikeError, NotFound, PhotoRejected, Unavailable

if TYPE_CHECKING:
    from litestar.types import ExceptionHandlersMap

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

_STATUS: tuple[tuple[type[LookalikeError], int, str], ...] = (
    (PhotoRejected, 422, "The photo is not accepted"),
    (BadInput, 400, "The request is not valid"),
    (NotFound, 404, "Not found"),
    (Conflict, 409, "Conflict"),
    (Unavailable, 503, "Unavailable"),
    (LookalikeError, 500, "Internal error"),
)
"""The status and title of each class of our errors; the first class that fits decides."""


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem. `reason` is a photo's reason code, `field` the parameter at fault."""

    status: int
    title: str
    detail: str
    type: str = "about:blank"
    reason: str | None = None
    field: str | None = None
    errors: list[dict[str, Any]] | None = None


def problem_handlers() -> ExceptionHandlersMap:
    """Return the handlers of every exception."""
    return {LookalikeError: _ours, HTTPException: _http, Exception: _unexpected}


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the OpenAPI description of the problems that a call answers with."""
    titles = {status: title for _, status, title in reversed(_STATUS)} | {413: "The body is too large"}
    return {
        status: ResponseSpec(Problem, description=titles.get(status, "A problem"), media_type=MEDIA_TYPE)
        for status in statuses
    }


def _ours(_request: Request[Any, Any, Any], error: LookalikeError) -> Response[bytes]:
    status, title = next((status, title) for kind, status, title in _STATUS if isinstance(error, kind))
    problem = Problem(
        status=status,
        title=title,
        detail=str(error),
        reason=error.reason if isinstance(error, PhotoRejected) else None,
        field=error.field if isinstance(error, BadQuery) else None,
    )
    return _response(problem, {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {})


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    if error.status_code == 500:
        return _unexpected(request, error)
    extra = error.extra if isinstance(error.extra, list) else None
    errors = [entry for entry in extra if isinstance(entry, dict)] if extra else None
    title = _phrase(error.status_code)
    detail = _without_request_line(error.detail) or title
    return _response(
        Problem(status=error.status_code, title=title, detail=detail, errors=errors), dict(error.headers or {})
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    request_id = request.scope.get("state", {}).get("request_id", "")
    log.error("request %s failed", request_id, exc_info=error)
    detail = f"Something went wrong on our side. If it happens again, report request {request_id}."
    return _response(Problem(status=500, title="Internal error", detail=detail), {})


def _response(problem: Problem, headers: dict[str, str]) -> Response[bytes]:
    return Response(msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def _phrase(status: int) -> str:
    from http import HTTPStatus

    return HTTPStatus(status).phrase


def _without_request_line(detail: str) -> str:
    """Drop the echo of method and URL that Litestar puts into validation errors."""
    head, _, _ = detail.partition(" for ")
    return head if detail.startswith("Validation failed for ") is False else "The request is not valid."
