"""One example problem for each status, for OpenAPI."""

from __future__ import annotations

from http import HTTPStatus

from db.models import Role
from services.errors import BadQuery, Conflict, PhotoRejected, ResourceNotFound, ServiceUnavailable, StorageFull
from services.reason_codes import RejectReason
from services.web.limits.slow_bodies import SlowBody
from services.web.problems import Problem, problem_of
from services.web.refusals import HostUnknown, KeyRefused, RateLimited, RoleMissing


def _plain(status: HTTPStatus, detail: str) -> Problem:
    return Problem(status=status, title=status.phrase, detail=detail)


PROBLEMS = (
    problem_of(BadQuery("k", "0 is out of range; it must be 1 to 100")),
    problem_of(KeyRefused(presented=False)),
    problem_of(RoleMissing(Role.READ, Role.WRITE)),
    problem_of(ResourceNotFound("listing", "lamp-1")),
    _plain(HTTPStatus.REQUEST_TIMEOUT, SlowBody(60).detail),
    problem_of(Conflict("Listing 'lamp-1' has no embedded photo to search by (pending). Try again once it has one.")),
    _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large"),
    _plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json, or multipart/form-data."),
    problem_of(HostUnknown("shop.example")),
    problem_of(PhotoRejected(RejectReason.TRUNCATED, "The JPEG file is cut off. Upload the complete file again.")),
    problem_of(RateLimited(retry_after_s=12)),
    Problem(
        status=500, title="Internal error", detail="Something went wrong on our side. If it happens again, report it."
    ),
    problem_of(ServiceUnavailable("The database does not answer. Try again in a moment.")),
    problem_of(StorageFull()),
)
