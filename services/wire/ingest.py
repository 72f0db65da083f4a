"""What the ingest app takes and answers, as JSON has it: the one description that the app and its client share."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (msgspec reads the annotations at run time)

import msgspec
from msgspec import UNSET, UnsetType

_ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""`db.models.ENDED`, for those who have no database."""


class WholeListing(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A listing as a client states it.

    Attributes:
        category: a path: `Home & Garden / Lamps`.
        price: an amount, or text such as `£10`.
        currency: ISO 4217 code.
        listed_at: an ISO 8601 date, with a time or without, or Unix seconds.
        photos: public URLs of its photos, where they are not sent as files.
    """

    title: str
    category: str
    description: str = ""
    price: str | float | None = None
    currency: str | None = None
    location: str = ""
    seller: str = ""
    listed_at: str | float | None = None
    photos: list[str] = []


class NewListing(WholeListing, kw_only=True):
    """A listing that is added; without an id it is given one."""

    listing_id: str | None = None


class ListingChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to change of a listing, as `WholeListing` has it; what is not stated stays. None takes a value away."""

    title: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    price: str | float | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    location: str | UnsetType = UNSET
    seller: str | UnsetType = UNSET
    listed_at: str | float | UnsetType | None = UNSET
    photos: list[str] | UnsetType = UNSET


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

    @property
    def ended(self) -> bool:
        """Whether its state is one that it does not leave."""
        return self.state in _ENDED


class JobList(msgspec.Struct):
    """Jobs, newest first; `cursor` leads to the older ones, and is null when there are none."""

    jobs: list[JobAnswer]
    cursor: str | None


class RejectAnswer(msgspec.Struct):
    """A record, or a photo, that a job did not accept: where it stood, what was wrong, and its text."""

    file: str
    line: int
    id: str
    field: str
    reason: str
    text: str


class ReindexRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which model to build the indexes for; by default the live one. It must be registered.

    `force` promotes the new generation though its quality falls short.
    """

    model_version: str | None = None
    force: bool = False


class IndexRecall(msgspec.Struct):
    """The share of the true ten nearest photos that an index finds for stored photos, without a filter."""

    engine: str
    ann_recall_at_10: float


class SearchRecall(msgspec.Struct):
    """The share of the true ten nearest photos that searches found which were made in the hour from `hour` on.

    Attributes:
        plan: how they were searched.
        shape: the fields of their filter, and how much passed it.
        queries: how many were compared with a search of every vector.
    """

    generation: int
    plan: str
    shape: str
    hour: datetime
    queries: int
    ann_recall_at_10: float


class RecallAnswer(msgspec.Struct):
    """How many of the true neighbours are found: asked now of each index, and of the searches that people made."""

    indexes: list[IndexRecall]
    searches: list[SearchRecall]


class GenerationAnswer(msgspec.Struct):
    """A generation of the indexes; `forced`: its quality was not asked about."""

    generation: int
    state: str
    model_version: str
    photos: int
    created_at: datetime
    promoted_at: datetime | None
    forced: bool


class ModelCard(msgspec.Struct):
    """What a model is, and how good it was found to be.

    Attributes:
        photo_size: of the square that photos are made before they are embedded, in pixels.
        trained_on_listings, held_out_listings: numbers of them; null where it was not recorded.
        metrics: measured on the held-out listings when the model was made, by name.
        confident_from: probability from which a category may be filled in unasked; null where it was not calibrated.
        losses: of the training, epoch by epoch.
        has_report: whether there is a report (see `/v1/admin/model/report`).
    """

    model_version: str
    created_at: datetime
    categories: list[str]
    vector_size: int
    photo_size: int
    trained_on_listings: int | None
    held_out_listings: int | None
    metrics: dict[str, float]
    confident_from: float | None
    losses: list[float]
    has_report: bool


class DriftAnswer(msgspec.Struct):
    """How an index differs from the database, as photo ids."""

    engine: str
    expected: int
    held: int
    missing: tuple[int, ...]
    extra: tuple[int, ...]
    different: tuple[int, ...]
