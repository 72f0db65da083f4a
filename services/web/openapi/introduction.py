"""The introduction of the OpenAPI document, and the order of its tags and calls: that of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.web.problems import MEDIA_TYPE
from services.web.request_ids import HEADER

if TYPE_CHECKING:
    from typing import Any

    from services.settings import Settings

BASE_URL = "http://127.0.0.1:8000"
"""Stands for the server in examples; the page at `/docs` replaces it by the address that it was opened at."""

TAGS = {
    "search": "Find listings by a photo, by a listing, or by what a buyer likes.",
    "catalogue": "Read listings, categories and photos.",
    "ingest": "Add, change and remove listings, one at a time or in bulk. A bulk ingest is a job.",
    "admin": "Look after the indexes, the model and duplicates. Needs an admin key once keys exist.",
    "health": "For load balancers and monitoring. Needs no key.",
}
"""Descriptions by tag, in the order of use."""

CALLS = (
    *("search", "similar", "search_batch", "recommend", "classify", "query_photo", "duplicates"),
    *("newest_listings", "listing", "categories", "attributes", "thumbnail", "photo"),
    *("add_listing", "replace_listing", "change_listing", "delete_listing", "delete_listings"),
    *("preview_upload", "upload", "jobs", "job", "events", "rejects", "warnings", "cancel"),
    *("indexes", "reindex", "promote_index", "roll_back_index", "consistency", "repair_indexes", "recall_history"),
    *("model_card", "model_report", "duplicate_groups", "review_duplicates"),
    *("live", "ready"),
)
"""Operation ids in the order of use."""

_SEARCHES = f"""\
Lookalike finds listings by photo: send a photo, and get the listings that look most like it, one result for each.

## First calls

```sh
curl -s '{BASE_URL}/v1/listings?limit=3'
curl -s {BASE_URL}/v1/photos/1 -o photo.jpg
curl -s -F image=@photo.jpg -F k=3 {BASE_URL}/v1/search
```

The first one lists the newest listings, and the second one saves a photo of the catalogue. The third one searches by
that photo; any photo of yours does as well.
"""

_INGESTS = f"""\
This service adds listings, runs bulk ingests as jobs, and looks after the indexes. The search service has the searches.

## First calls

```sh
curl -s '{BASE_URL}/v1/jobs?limit=3'
curl -s {BASE_URL}/v1/admin/indexes
```

The first one lists the newest jobs, and the second one the generations of the indexes.
"""


def described(document: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return an OpenAPI document with the introduction and described tags, its calls in the order of use."""
    paths = {
        path: dict(sorted(calls.items(), key=lambda one: _place(one[1])))
        for path, calls in sorted(document["paths"].items(), key=lambda one: min(map(_place, one[1].values())))
    }
    used = {tag for calls in paths.values() for call in calls.values() for tag in call["tags"]}
    opening = _SEARCHES if "/v1/search" in paths else _INGESTS
    return document | {
        "info": document["info"] | {"description": opening + _common(settings)},
        "tags": [{"name": tag, "description": text} for tag, text in TAGS.items() if tag in used],
        "paths": paths,
    }


def _place(call: dict[str, Any]) -> int:
    name = call["operationId"]
    return CALLS.index(name) if name in CALLS else len(CALLS)


def _common(settings: Settings) -> str:
    per_minute = settings.rate_limit_per_minute
    rate = f"A key may make {per_minute:,} calls a minute" if per_minute else "Calls a minute have no limit"
    return f"""
## Keys

No call needs a key until the first one exists: `lookalike keys create --role read`. After that, send it with each call:
`Authorization: Bearer KEY`. `read` keys search, `write` keys change listings as well, and `admin` keys do everything.
To try calls on this page, enter a key under *Authorize*.

## Errors

An error is `{MEDIA_TYPE}`. Its `detail` says what is wrong and what to do, and `field` names the field at fault. 429
and 503 have a `Retry-After` header: wait that many seconds, then send the same call again. Each answer has an
`{HEADER}`; name it when you report a problem.

## Pages

A list has a `cursor` while more follows: send it back unchanged to get the next page. The answer to a search also has a
`query_token`, which searches again without sending the photo.

## Limits

A photo has at most {_size(settings.max_upload_bytes)}, and a bulk upload at most {_size(settings.max_bulk_bytes)}. A
search leads to at most 500 results, 100 a page, and takes at most {settings.request_timeout_s:g} s. {rate}.

## Python client

`from services.client import Client` has the calls for search, the catalogue and ingest, named as here, with typed
answers; it tries again what may pass. The documentation in the repository, `docs/api.md`, shows every call by example.
"""


def _size(count: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} bytes"
