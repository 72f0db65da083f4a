"""The Location header of answers to calls that make something; the audit log keeps it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from services.wire import JobQueued, ListingWritten

if TYPE_CHECKING:
    from litestar import Response


async def name_location(response: Response[Any]) -> Response[Any]:
    """Add the path of a new listing or job; an `after_request` hook."""
    made = getattr(response, "content", None)  # a static file of the documentation has none
    if isinstance(made, JobQueued):
        response.headers["Location"] = f"/v1/jobs/{made.job_id}"
    elif isinstance(made, ListingWritten) and made.outcome == "created":
        response.headers["Location"] = f"/v1/listings/{quote(made.listing_id, safe='')}"
    return response
