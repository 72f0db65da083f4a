"""Answers every error with RFC 9457 problem details, as `application/problem+json`."""

from __future__ import annotations

import logging
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from db.session import DamagedDatabase
from services.disk_errors import disk_problem
from services.errors import (
    BadInput,
    BadQuery,
    Conflict,
    ListingRejected,
    LookalikeError,
    Overloaded,
    PhotoRejected,
    ResourceNotFound,
    ServiceUnavailable,
    StorageFull,
    is_storage_full,
)
from services.web.invalid_values import explained
from services.web.refusals import (
    CrossSiteRefused,
    HostUnknown,
    KeyRefused,
    OriginRefused,
    RateLimited,
    RoleMissing,
)
from services.web.request_ids import request_id
from services.wire.fields import described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.types import ExceptionHandlersMap

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
CLIENT_GONE = 499
"""Status, as nginx has it, of a request whose client left before an answer. No client sees it; metrics do."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_STATUS: tuple[tuple[type[LookalikeError], int, str], ...] = (
    (PhotoRejected, 422, "The photo is not accepted"),
    (ListingRejected, 422, "The listing is not accepted"),
    (BadInput, 400, "The request is not valid"),
    (ResourceNotFound, 404, "Not found"),
    (Conflict, 409, "Conflict"),
    (KeyRefused, 401, "An API key is needed"),
    (RoleMissing, 403, "Not allowed"),
    (CrossSiteRefused, 403, "Not allowed"),
    (HostUnknown, 421, "Unknown host name"),
    (OriginRefused, 403, "Not allowed"),
    (RateLimited, 429, "Too many requests"),
    (StorageFull, 507, "No room left"),
    (ServiceUnavailable, 503, "Unavailable"),
    (LookalikeError, 500, "Internal error"),
)
"""Status and title of each class of `services.errors`; the first matching class decides."""


class ClientGone(Exception):
    """The client left before the request body was complete."""


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem."""

    status: int
    title: str
    detail: str
    type: str = "about:blank"
    reason: Annotated[str | None, described("Reason code of a rejected photo or listing.")] = None
    field: Annotated[str | None, described("The field or parameter at fault.")] = None
    errors: Annotated[
        list[dict[str, Any]] | None, described("Invalid values: `key` names the field, `message` the problem.")
    ] = None


def problem_handlers() -> ExceptionHandlersMap:
    return {
        LookalikeError: _our_error,
        ClientGone: _client_gone,
        HTTPException: _http_error,
        OperationalError: _database_down,
        InterfaceError: _database_down,
        NoConnectionFree: _database_down,
        OSError: _os_error,
        Exception: _unexpected_error,
    }


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """Describe a call's problems for OpenAPI; `openapi.document` adds those that every call has."""
    return {status: ResponseSpec(Problem, media_type=MEDIA_TYPE, generate_examples=False) for status in statuses}


def problem_of(error: LookalikeError) -> Problem:
    status, title = next((status, title) for kind, status, title in _STATUS if isinstance(error, kind))
    return Problem(
        status=status,
        title=title,
        detail=str(error),
        reason=error.reason if isinstance(error, PhotoRejected | ListingRejected) else None,
        field=error.field if isinstance(error, BadQuery | ListingRejected) else None,
    )


def _our_error(_request: Request[Any, Any, Any], error: LookalikeError) -> Response[bytes]:
    problem = problem_of(error)
    headers = {}
    if isinstance(error, Overloaded | RateLimited):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, KeyRefused):
        headers["WWW-Authenticate"] = "Bearer"
    return _response(problem, headers)


def _client_gone(request: Request[Any, Any, Any], _error: ClientGone) -> Response[None]:
    log.info("request %s: the client left before the body was complete", request_id(request.scope))
    return Response(None, status_code=CLIENT_GONE)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected_error(request, error)
    handler = request.scope.get("route_handler")
    errors = [explained(handler, entry) if handler else entry for entry in error.extra or () if isinstance(entry, dict)]
    problem = Problem(
        status=error.status_code,
        title=HTTPStatus(error.status_code).phrase,
        detail=_detail(request, error, errors),
        errors=errors or None,
    )
    return _response(problem, error.headers or {})


def _detail(request: Request[Any, Any, Any], error: HTTPException, errors: list[dict[str, Any]]) -> str:
    if errors:
        return "; ".join(": ".join(filter(None, (entry.get("key"), entry.get("message")))) for entry in errors)
    generic = error.detail == HTTPStatus(error.status_code).phrase
    if generic and isinstance(error, NotFoundException):
        return "There is nothing at this path. See /docs for the paths."
    if generic and isinstance(error, MethodNotAllowedException):
        return f"This path does not accept {request.method}; it accepts {(error.headers or {}).get('allow', '')}."
    return error.detail


def _database_down(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    if isinstance(error, DamagedDatabase):  # logged when it was found
        return _our_error(request, ServiceUnavailable(str(error)))
    log.error("request %s: the database does not answer: %s", request_id(request.scope), error)
    if is_storage_full(error):
        return _our_error(request, StorageFull())
    return _our_error(request, ServiceUnavailable("The database does not answer. Try again in a moment."))


def _os_error(request: Request[Any, Any, Any], error: OSError) -> Response[bytes]:
    problem = disk_problem(error)
    if not problem and not isinstance(error, ConnectionError):
        return _unexpected_error(request, error)
    log.error("request %s: %s", request_id(request.scope), problem or error)
    return _our_error(
        request,
        StorageFull() if is_storage_full(error) else ServiceUnavailable(problem or f"{error}. Try again in a moment."),
    )


def _unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("request %s failed", request_id(request.scope), exc_info=error)
    detail = f"Something went wrong on our side. If it happens again, report request {request_id(request.scope)}."
    return _response(Problem(status=500, title="Internal error", detail=detail))


def _response(problem: Problem, headers: Mapping[str, str] = _NO_HEADERS) -> Response[bytes]:
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RETRY_AFTER_S), **headers}
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers)
    )
