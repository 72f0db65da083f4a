"""The errors of the client, made from the problem details (RFC 9457) of the server.

ApiError          an answer that is not from a Lookalike server, or that no class below covers
├── NotFound         404: the listing, photo, job or model does not exist
├── Rejected         any other 4xx: the request is invalid, or conflicts with the current state
├── Refused          401, 403: the API key is missing, unknown or revoked, or its role is too low
└── Unavailable      429, 5xx, or no complete answer: a later attempt may succeed
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from services.backoff import retry_after

if TYPE_CHECKING:
    import httpx

NO_ANSWER = 0
"""The `status` of an error without an answer."""

_REQUEST_ID = "X-Request-ID"
_FOREIGN_DETAIL_LIMIT = 200
"""Characters shown of an error that is not problem details, such as a proxy's HTML page."""


class ApiError(Exception):
    """A call failed.

    Attributes:
        status: the HTTP status; `NO_ANSWER`, 0, without an answer.
        title: the kind of problem.
        detail: what is wrong, and what to do.
        field: the request field at fault.
        reason: the reason code of a rejected photo or listing, as in rejects.csv.
        request_id: id of the request in the server's log.
        retry_after_s: seconds after which the server asks to retry.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        reason: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status, self.title, self.detail = status, title, detail
        self.field, self.reason, self.request_id = field, reason, request_id
        self.retry_after_s = retry_after_s
        super().__init__(f"{title} ({status}): {detail}" if status else f"{title}: {detail}")


class NotFound(ApiError):
    """The listing, photo, job or model does not exist."""


class Rejected(ApiError):
    """The request is invalid, or conflicts with the current state."""


class Refused(ApiError):
    """The API key is missing, unknown or revoked, or its role is too low."""


class Unavailable(ApiError):
    """The server cannot answer now, or gave no complete answer."""


class _InvalidField(msgspec.Struct):
    key: str | None = None


class _Problem(msgspec.Struct):
    title: str
    detail: str = ""
    reason: str | None = None
    field: str | None = None
    errors: list[_InvalidField] | None = None


def error_from(response: httpx.Response) -> ApiError:
    """Return the error for an error answer whose body has been read."""
    status, problem = response.status_code, _problem(response)
    field = problem.field or next((invalid.key for invalid in problem.errors or () if invalid.key), None)
    return _class_of(status)(
        status,
        problem.title,
        problem.detail,
        field=field,
        reason=problem.reason,
        request_id=response.headers.get(_REQUEST_ID),
        retry_after_s=retry_after(response.headers),
    )


def missing_answer(error: httpx.RequestError) -> Unavailable:
    """Return the error for a request that got no complete answer."""
    request, problem = error.request, str(error) or type(error).__name__
    return Unavailable(NO_ANSWER, "No answer", f"{request.method} {request.url} got no complete answer ({problem}).")


def unreadable_answer(response: httpx.Response, content: str) -> ApiError:
    """Return the error for a successful answer with the wrong `content`."""
    detail = f"{response.request.method} {response.request.url} returned {content}. Is this a Lookalike server?"
    request_id = response.headers.get(_REQUEST_ID)
    return ApiError(response.status_code, "The answer cannot be read", detail, request_id=request_id)


def _class_of(status: int) -> type[ApiError]:
    if status == HTTPStatus.NOT_FOUND:
        return NotFound
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Refused
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    return Rejected if status >= HTTPStatus.BAD_REQUEST else ApiError


def _problem(response: httpx.Response) -> _Problem:
    try:
        return msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # not from Lookalike, but from a proxy in front of it
        return _Problem(response.reason_phrase or "Unknown error", response.text[:_FOREIGN_DETAIL_LIMIT])
