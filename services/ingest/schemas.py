"""What the ingest app takes and answers."""

from __future__ import annotations

from datetime import datetime

import msgspec


class WrittenPhoto(msgspec.Struct):
    """A photo of a listing that was written; `state` is pending, embedded or failed."""

    photo_id: int
    name: str
    state: str


class ListingWritten(msgspec.Struct):
    """A listing that was written. `outcome`: created, updated or unchanged."""

    listing_id: str
    outcome: str
    photos: list[WrittenPhoto]


class JobQueued(msgspec.Struct):
    """A job was queued; ask for it at `/v1/jobs/{job_id}`."""

    job_id: str


class JobAnswer(msgspec.Struct):
    """A job as it stands. For listings and photos alike: read = accepted + rejected + duplicates."""

    job_id: str
    kind: str
    state: str
    counts: dict[str, int]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ReindexRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which model to build the indexes for; by default the live one. It must be registered."""

    model_version: str | None = None


class GenerationAnswer(msgspec.Struct):
    """A generation of the indexes."""

    generation: int
    state: str
    model_version: str
    photos: int
    created_at: datetime
    promoted_at: datetime | None


class DriftAnswer(msgspec.Struct):
    """How an index differs from the database, as photo ids."""

    engine: str
    expected: int
    held: int
    missing: tuple[int, ...]
    extra: tuple[int, ...]
