"""How soon a change on a running server shows in searches, measured from outside over REST."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import numpy as np

from services.bench.inputs.random_photos import random_photo
from services.bench.report import ResultTable
from services.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.bench.report import BenchmarkReport

_POLL_EVERY_S = 0.01
_TIMEOUT_S = 30.0
_PHOTO_SIZE = (640, 480)


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from the answer to a change until searches show it, over `changes` additions and as many deletions.

    Attributes:
        engine: the index that answered.
        added_p50, added_p99: from the 201 of a new listing until a search by its photo finds it, embedding included.
        deleted_p50, deleted_p99: from the 204 until the same search no longer finds it.
    """

    changes: int
    engine: str
    added_p50: float
    added_p99: float
    deleted_p50: float
    deleted_p99: float


def measure_freshness(
    url: str, *, search_url: str = "", key: str, changes: int, progress: Callable[[int], None]
) -> Freshness:
    """Add `changes` listings one after the other to the server at `url`; wait until each is found, then delete it.

    Args:
        url: the server, or the ingest service if search runs separately.
        search_url: the search service if it runs separately.
        key: an API key that may write; empty for a server without keys.
        changes: number of listings.
        progress: called with 1 after each listing.

    Raises:
        ServiceUnavailable: the server does not answer, refuses a request, or a change does not show within 30 s.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    added, deleted, engine = [], [], ""
    with (
        httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S) as ingest,
        httpx.Client(base_url=search_url or url, headers=headers, timeout=_TIMEOUT_S) as search,
    ):
        for number in range(changes):
            listing_id, photo = f"freshness-{uuid4().hex}", random_photo(number, _PHOTO_SIZE)
            form = {"listing_id": listing_id, "title": "Freshness", "category": "Freshness"}
            _request(ingest, "POST", "/v1/listings", data=form, files={"photos": ("photo.jpg", photo)})
            seconds, engine = _wait(search, photo, listing_id, found=True)
            added.append(seconds)
            _request(ingest, "DELETE", f"/v1/listings/{listing_id}")
            deleted.append(_wait(search, photo, listing_id, found=False)[0])
            progress(1)
    return Freshness(changes, engine, *np.quantile(added, (0.5, 0.99)), *np.quantile(deleted, (0.5, 0.99)))


def _wait(client: httpx.Client, photo: bytes, listing_id: str, *, found: bool) -> tuple[float, str]:
    """Search by the photo until the listing is the first hit, or no longer is; return the seconds and the engine."""
    started = time.monotonic()
    while time.monotonic() - started < _TIMEOUT_S:
        answer = _request(client, "POST", "/v1/search", files={"image": ("photo.jpg", photo)}, data={"k": "1"}).json()
        if (listing_id in [result["listing_id"] for result in answer["results"]]) == found:
            return time.monotonic() - started, answer["engine"]
        time.sleep(_POLL_EVERY_S)
    raise ServiceUnavailable(
        f"A change did not show in searches within {_TIMEOUT_S:.0f} s. "
        "Check that a worker embeds photos: `lookalike worker` starts one."
    )


def _request(client: httpx.Client, method: str, path: str, **body: object) -> httpx.Response:
    try:
        answer = client.request(method, path, **body)  # type: ignore[arg-type]
    except httpx.HTTPError as error:
        raise ServiceUnavailable(f"{client.base_url} does not answer ({error or type(error).__name__}).") from error
    if answer.is_error:
        raise ServiceUnavailable(f"{method} {path} was answered with status {answer.status_code}: {answer.text}")
    return answer


def render(b: Freshness) -> BenchmarkReport:
    """Return the latencies of additions and deletions."""
    rows = [
        ("added, embedded and found", f"{1000 * b.added_p50:.0f} ms", f"{1000 * b.added_p99:.0f} ms"),
        ("deleted and no longer found", f"{1000 * b.deleted_p50:.0f} ms", f"{1000 * b.deleted_p99:.0f} ms"),
    ]
    return [ResultTable(f"{b.changes} changes, until searches in {b.engine} show them", ["", "p50", "p99"], rows)]
