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


class JobProgressAnswer(msgspec.Struct):
    """How far a job is: so much of a stage done, of a total where it is known; per second, and seconds left of it."""

    stage: str
    done: int
    total: int | None
    per_second: float | None
    seconds_left: float | None


class JobAnswer(msgspec.Struct):
    """A job as it stands: queued, running, succeeded, failed or cancelled.

    For listings and photos alike, of a job that has run to its end: read = accepted + rejected + duplicates.
    """

    job_id: str
    kind: str
    state: str
    cancel_requested: bool
    progress: JobProgressAnswer | None
    counts: dict[str, int]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobList(msgspec.Struct):
    """Jobs, newest first; `cursor` leads to the older ones, and is null when there are none."""

    jobs: list[JobAnswer]
    cursor: str | None


class ReindexRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which model to build the indexes for; by default the live one. It must be registered.

    `force` promotes the new generation though its quality falls short.
    """

    model_version: str | None = None
    force: bool = False


class RecallAnswer(msgspec.Struct):
    """The share of the true ten nearest photos that an index finds."""

    engine: str
    ann_recall_at_10: float


class GenerationAnswer(msgspec.Struct):
    """A generation of the indexes; `forced`: its quality was not asked about."""

    generation: int
    state: str
    model_version: str
    photos: int
    created_at: datetime
    promoted_at: datetime | None
    forced: bool


class DriftAnswer(msgspec.Struct):
    """How an index differs from the database, as photo ids."""

    engine: str
    expected: int
    held: int
    missing: tuple[int, ...]
    extra: tuple[int, ...]
    different: tuple[int, ...]
