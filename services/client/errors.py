"""The errors of the client, as one small tree, made from the problem details (RFC 9457) that a server answers.

ApiError          what the server answered is no answer of Lookalike, or has no class below
├── NotFound         404: the thing named does not exist
├── Rejected         any other 4xx: what was sent is not accepted, or fits the state of things not any more
├── Refused          401, 403: no API key, not a good one, or its role is not enough
└── Unavailable      429, 5xx, or no whole answer: it may be answered later
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from services.backoff import retry_after_s

if TYPE_CHECKING:
    import httpx

NO_ANSWER = 0
"""The status of an error that is not an answer's."""

_REQUEST_ID = "X-Request-ID"
_LONGEST_DETAIL = 200
"""Characters that are shown of an answer that is no problem of ours, such as a proxy's."""


class ApiError(Exception):
    """A call has failed.

    Attributes:
        status: of the answer; `NO_ANSWER`, 0, where there was none.
        title: what kind of problem it is.
        detail: what was wrong, and what to do.
        field: the field of the request that is at fault.
        reason: the reason code, as it stands in rejects.csv, of a photo or listing that is not accepted.
        request_id: what the server's log calls the request.
        retry_after_s: seconds after which the server asks to try again.
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
    """The thing named does not exist."""


class Rejected(ApiError):
    """What was sent is not accepted."""


class Refused(ApiError):
    """There is no API key, not a good one, or its role is not enough."""


class Unavailable(ApiError):
    """The server cannot answer now, or does not answer at all."""


class _Fault(msgspec.Struct):
    key: str | None = None


class _Problem(msgspec.Struct):
    title: str
    detail: str = ""
    reason: str | None = None
    field: str | None = None
    errors: list[_Fault] | None = None


def error_of(response: httpx.Response) -> ApiError:
    """Return the error that an answer, read to its end, stands for."""
    status, problem = response.status_code, _problem(response)
    named = problem.field or next((fault.key for fault in problem.errors or () if fault.key), None)
    return _class_of(status)(
        status,
        problem.title,
        problem.detail,
        field=named,
        reason=problem.reason,
        request_id=response.headers.get(_REQUEST_ID),
        retry_after_s=retry_after_s(response.headers),
    )


def no_answer(error: httpx.RequestError) -> Unavailable:
    """Return the error that stands for an answer that did not come, or not to its end."""
    asked = f"{error.request.method} {error.request.url}"
    return Unavailable(NO_ANSWER, "No answer", f"{asked} was not answered ({str(error) or type(error).__name__}).")


def unreadable(response: httpx.Response, problem: str) -> ApiError:
    """Return the error that stands for an answer which says that all is well, and cannot be read."""
    detail = f"{response.request.method} {response.request.url} is answered by {problem}. Is this a Lookalike server?"
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
    except (msgspec.MsgspecError, UnicodeDecodeError):  # from something between the server and us
        return _Problem(response.reason_phrase or "An error", response.text[:_LONGEST_DETAIL])
