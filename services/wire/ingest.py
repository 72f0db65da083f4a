"""The requests and answers of jobs and administration in the ingest app; `listings` has those of single listings."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (msgspec reads the annotations at run time)
from typing import Annotated, Literal

import msgspec

from services.wire.fields import described

_ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""Equal to `db.models.ENDED`, which clients do not have; a test compares them."""


class JobQueued(msgspec.Struct):
    """A job was queued; `/v1/jobs/{job_id}` returns its state."""

    job_id: str


class JobProgressAnswer(msgspec.Struct):
    """The progress of a job's current stage."""

    stage: str
    done: int
    total: Annotated[int | None, described("Null if it is not known.")]
    per_second: float | None
    seconds_left: Annotated[float | None, described("Estimate for this stage.")]


class JobAnswer(msgspec.Struct):
    """A job."""

    job_id: str
    kind: str
    state: Annotated[str, described("`queued`, `running`, `succeeded`, `failed` or `cancelled`.")]
    cancel_requested: bool
    progress: JobProgressAnswer | None
    counts: Annotated[
        dict[str, int],
        described("Listings and photos. Once a job has ended: read = accepted + rejected + duplicates."),
    ]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in _ENDED


class JobList(msgspec.Struct):
    """A page of jobs, newest first."""

    jobs: list[JobAnswer]
    cursor: Annotated[str | None, described("Send it to get the next page; null on the last page.")]


class RejectAnswer(msgspec.Struct):
    """A record or photo that a job rejected."""

    file: str
    line: int
    id: str
    field: str
    reason: Annotated[str, described("Reason code.")]
    text: Annotated[str, described("The record's text.")]


class ReindexRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The model to build the indexes for."""

    model_version: Annotated[str | None, described("A registered model; the live model by default.")] = None
    force: Annotated[bool, described("Promote the new generation even if its quality falls short.", False)] = False


class IndexRecall(msgspec.Struct):
    """The recall of one index, measured now with stored photos and without a filter."""

    engine: str
    ann_recall_at_10: Annotated[float, described("The share of the exact ten nearest photos that the index found.")]


class SearchRecall(msgspec.Struct):
    """The recall of the audited searches of one hour."""

    generation: int
    plan: Annotated[str, described("Name of the search plan.")]
    shape: Annotated[str, described("Fields of the filter, and the share of photos that passed it.")]
    hour: Annotated[datetime, described("The start of the hour.")]
    queries: Annotated[int, described("Number of searches that were compared with an exact search.")]
    ann_recall_at_10: Annotated[float, described("The share of the exact ten nearest photos that the searches found.")]


class RecallAnswer(msgspec.Struct):
    """The recall of the indexes, and of the searches that users made."""

    indexes: list[IndexRecall]
    searches: list[SearchRecall]


class GenerationAnswer(msgspec.Struct):
    """A generation of the indexes."""

    generation: int
    state: str
    model_version: str
    photos: int
    created_at: datetime
    promoted_at: datetime | None
    forced: Annotated[bool, described("Whether it was promoted without a check of its quality.")]


class ModelCard(msgspec.Struct):
    """A model: what it is, what it was trained on, and its measured quality."""

    model_version: str
    created_at: datetime
    categories: list[str]
    vector_size: int
    photo_size: Annotated[int, described("Side of the square that photos are resized to for the network, in pixels.")]
    trained_on_listings: Annotated[int | None, described("Null if it was not recorded.")]
    held_out_listings: Annotated[int | None, described("Null if it was not recorded.")]
    metrics: Annotated[
        dict[str, float], described("By name; measured on the held-out listings when the model was made.")
    ]
    confident_from: Annotated[
        float | None,
        described(
            "Probability from which a category may be filled in automatically; null if the model is not calibrated."
        ),
    ]
    losses: Annotated[list[float], described("Training loss of each epoch.")]
    has_report: Annotated[bool, described("Whether `/v1/admin/model/report` has a report.")]


class DriftAnswer(msgspec.Struct):
    """How an index differs from the database."""

    engine: str
    expected: Annotated[int, described("Number of photos that the index should hold.")]
    held: Annotated[int, described("Number of photos that the index holds.")]
    missing: Annotated[tuple[int, ...], described("Ids of photos that the index lacks.")]
    extra: Annotated[tuple[int, ...], described("Ids of photos that only the index has.")]
    different: Annotated[tuple[int, ...], described("Ids of photos whose vector or filter values differ.")]


class DuplicateLink(msgspec.Struct):
    """Two listings that share a photo, with their most certain pair of photos."""

    listing_id: str
    other_listing_id: str
    photo_id: int
    other_photo_id: int
    verdict: Annotated[str, described("`identical` or `same photo edited`.")]
    score: float
    decision: Annotated[str | None, described("`accept`, `reject`, or null if it is not decided.")]


class DuplicateGroup(msgspec.Struct):
    """Listings that are connected by shared photos."""

    listing_ids: tuple[str, ...]
    links: list[DuplicateLink]


class DuplicateGroupPage(msgspec.Struct):
    """A page of groups, largest first."""

    groups: list[DuplicateGroup]
    cursor: Annotated[str | None, described("Send it to get the next page; null on the last page.")]


class DuplicateDecision(msgspec.Struct, forbid_unknown_fields=True):
    """A decision about two listings."""

    listing_id: Annotated[str, described("One listing.", "lamp-1")]
    other_listing_id: Annotated[str, described("The other listing.", "lamp-2")]
    decision: Annotated[
        Literal["accept", "reject"],
        described("`accept`: they are the same item. `reject`: they are not.", "accept"),
    ]
