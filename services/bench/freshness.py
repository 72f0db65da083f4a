"""How soon a listing that a running server has acknowledged is found by its photo: measured from outside, over REST."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import numpy as np
from PIL import Image

from services.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

_ASKS_EVERY_S = 0.01
_GIVES_UP_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from the answer to a change until searches tell of it, of `changes` changes each.

    Attributes:
        added: from the 201 of a new listing until a search by its photo finds it first: embedding included.
        deleted: from the 204 until the same search does not find it any more.
        engine: which index answered.
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
    """Add listings one after the other to the server at `url`, wait until each is found, and delete it again.

    They are searched for at `search_url`, where the search service is one apart.

    Raises:
        Unavailable: the server does not answer, refuses, or a change is not seen in 30 seconds.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    added, deleted, engine = [], [], ""
    with (
        httpx.Client(base_url=url, headers=headers, timeout=_GIVES_UP_AFTER_S) as client,
        httpx.Client(base_url=search_url or url, headers=headers, timeout=_GIVES_UP_AFTER_S) as searching,
    ):
        for number in range(changes):
            listing_id, photo = f"freshness-{uuid4().hex}", _photo(number)
            form = {"listing_id": listing_id, "title": "Freshness", "category": "Freshness"}
            _ask(client, "POST", "/v1/listings", data=form, files={"photos": ("photo.jpg", photo)})
            seconds, engine = _wait(searching, photo, listing_id, found=True)
            added.append(seconds)
            _ask(client, "DELETE", f"/v1/listings/{listing_id}")
            deleted.append(_wait(searching, photo, listing_id, found=False)[0])
            progress(1)
    return Freshness(changes, engine, *np.quantile(added, (0.5, 0.99)), *np.quantile(deleted, (0.5, 0.99)))


def _wait(client: httpx.Client, photo: bytes, listing_id: str, *, found: bool) -> tuple[float, str]:
    """Return the seconds until a search by the photo finds the listing first, or not, and the engine that answered."""
    started = time.monotonic()
    while time.monotonic() - started < _GIVES_UP_AFTER_S:
        answer = _ask(client, "POST", "/v1/search", files={"image": ("photo.jpg", photo)}, data={"k": "1"}).json()
        if (listing_id in [result["listing_id"] for result in answer["results"]]) == found:
            return time.monotonic() - started, answer["engine"]
        time.sleep(_ASKS_EVERY_S)
    raise ServiceUnavailable(f"A change was not seen in {_GIVES_UP_AFTER_S:.0f} s. Does a worker run?")


def _ask(client: httpx.Client, method: str, path: str, **body: object) -> httpx.Response:
    try:
        answer = client.request(method, path, **body)  # type: ignore[arg-type]
    except httpx.HTTPError as error:
        raise ServiceUnavailable(f"{client.base_url} does not answer ({error or type(error).__name__}).") from error
    if answer.is_error:
        raise ServiceUnavailable(f"{method} {path} is answered {answer.status_code}: {answer.text}")
    return answer


def _photo(number: int) -> bytes:
    """Return a JPEG of coloured squares, another one for each number."""
    squares = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    photo = io.BytesIO()
    Image.fromarray(squares).resize((640, 480), Image.Resampling.BICUBIC).save(photo, "JPEG", quality=90)
    return photo.getvalue()
