"""The requests and answers of jobs and administration in the ingest app; `listings` has those of single listings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from services.reason_codes import ListingFlag, RejectReason
from services.wire.fields import described, example

_ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""Equal to `db.models.ENDED`, which clients do not have; a test compares them."""

JobId = Annotated[str, example("5f0c7a8e1b2d4c6f9a3e7d1b8c4f2a60")]
Time = Annotated[datetime, example("2026-03-01T09:30:00Z")]
EngineName = Annotated[str, example("faiss")]
ModelVersion = Annotated[str, example("resnet50-2026-03-01")]


class JobQueued(msgspec.Struct):
    """A job was queued; `/v1/jobs/{job_id}` returns its state."""

    job_id: JobId


class JobProgressAnswer(msgspec.Struct):
    """The progress of a job's current stage."""

    stage: Annotated[str, example("photos")]
    done: Annotated[int, example(300)]
    total: Annotated[int | None, described("Null if it is not known.", 1200)]
    per_second: Annotated[float | None, example(150.0)]
    seconds_left: Annotated[float | None, described("Estimate for this stage.", 6.0)]


class JobAnswer(msgspec.Struct):
    """A job."""

    job_id: JobId
    kind: Annotated[str, example("ingest")]
    state: Annotated[str, described("`queued`, `running`, `succeeded`, `failed` or `cancelled`.", "running")]
    cancel_requested: Annotated[bool, example(False)]
    progress: JobProgressAnswer | None
    counts: Annotated[
        dict[str, int],
        described(
            "Listings and photos. Once an ingest job has ended, it has every count, 0 included, and read = accepted + "
            "rejected + duplicates. A dry run does not count new, replaced, renamed, unchanged and removed photos.",
            {"listings_read": 600, "listings_accepted": 597, "listings_rejected": 2, "listings_duplicates": 1},
        ),
    ]
    error: str | None
    created_at: Time
    started_at: Time | None
    finished_at: datetime | None
    warnings: Annotated[
        dict[str, int],
        described(
            "Number of warnings by flag: what was repaired, guessed or left out in accepted records.",
            {ListingFlag.REPAIRED_RECORD.value: 3, ListingFlag.ABSURD_PRICE.value: 1},
        ),
    ] = {}
    rejects: Annotated[
        dict[str, int],
        described(
            "Number of rejected and superseded records and photos by reason.",
            {RejectReason.UNREADABLE_PRICE.value: 2, RejectReason.DUPLICATE_ID.value: 1},
        ),
    ] = {}
    dry_run: Annotated[bool, described("Whether the job only counted what it would do.", False)] = False

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in _ENDED


class JobList(msgspec.Struct):
    """A page of jobs, newest first."""

    jobs: list[JobAnswer]
    cursor: Annotated[
        str | None,
        described("Send it to get the next page; null on the last page.", "MjAyNi0wMy0wMVQwOTozMDowMCs="),
    ]


class RejectAnswer(msgspec.Struct):
    """A record or photo that a job rejected."""

    file: str
    line: int
    id: str
    field: str
    reason: Annotated[str, described("Reason code.")]
    text: Annotated[str, described("The record's text.")]


class WarningAnswer(msgspec.Struct):
    """Something that a job repaired, guessed or left out in an accepted record."""

    file: str
    line: Annotated[int, described("0 for a notice about the whole file.")]
    id: str
    field: str
    flag: Annotated[str, described("Flag of the listing, or code of the notice.")]
    before: Annotated[str, described("The text as it stands in the file.")]
    after: Annotated[str, described("The value that was taken; empty if none was.")]


class ReindexRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The model to build the indexes for."""

    model_version: Annotated[str | None, described("A registered model; the live model by default.")] = None
    force: Annotated[bool, described("Make the new generation live even if its quality falls short.", False)] = False


class IndexRecall(msgspec.Struct):
    """The recall of one index, measured now with stored photos and without a filter."""

    engine: EngineName
    ann_recall_at_10: Annotated[
        float, described("The share of the exact ten nearest photos that the index found.", 0.996)
    ]


class SearchRecall(msgspec.Struct):
    """The recall of the audited searches of one hour."""

    generation: Annotated[int, example(3)]
    plan: Annotated[str, described("Name of the search plan.", "faiss scan")]
    shape: Annotated[str, described("Fields of the filter, and the share of photos that passed it.", "category, 12 %")]
    hour: Annotated[Time, described("The start of the hour.")]
    queries: Annotated[int, described("Number of searches that were compared with an exact search.", 41)]
    ann_recall_at_10: Annotated[
        float, described("The share of the exact ten nearest photos that the searches found.", 0.998)
    ]


class RecallAnswer(msgspec.Struct):
    """The recall of the indexes, and of the searches that users made."""

    indexes: list[IndexRecall]
    searches: list[SearchRecall]


class GenerationAnswer(msgspec.Struct):
    """A generation of the indexes."""

    generation: Annotated[int, example(3)]
    state: Annotated[str, example("live")]
    model_version: ModelVersion
    photos: Annotated[int, example(1200)]
    created_at: Time
    promoted_at: Annotated[Time | None, described("When it was last made live.")]
    forced: Annotated[bool, described("Whether it was made live without a check of its quality.", False)]
    photos_to_embed: Annotated[
        int,
        described("Photos that a previous generation's model embeds before the generation is made live again.", 12),
    ] = 0
    seconds_to_embed: Annotated[
        float | None,
        described("About how long that takes, by the newest job that embedded photos; null if unknown.", 3.5),
    ] = None


class ModelCard(msgspec.Struct):
    """A model: what it is, what it was trained on, and its measured quality."""

    model_version: ModelVersion
    created_at: Time
    categories: Annotated[list[str], example(["Home & Garden", "Phones"])]
    vector_size: Annotated[int, example(256)]
    photo_size: Annotated[
        int, described("Side of the square that photos are resized to for the network, in pixels.", 224)
    ]
    trained_on_listings: Annotated[int | None, described("Null if it was not recorded.", 4560)]
    held_out_listings: Annotated[int | None, described("Null if it was not recorded.", 1170)]
    metrics: Annotated[
        dict[str, float],
        described(
            "By name; measured on the held-out listings when the model was made.",
            {"category_accuracy": 0.889, "same_listing_recall_at_1": 0.675},
        ),
    ]
    confident_from: Annotated[
        float | None,
        described(
            "Probability from which a category may be filled in automatically; null if the model is not calibrated.",
            0.71,
        ),
    ]
    ood_false_alarm_rate: Annotated[
        float | None,
        described(
            "Share of photos like the training photos that may be called out of distribution; null if the model "
            "cannot tell.",
            0.05,
        ),
    ]
    losses: Annotated[list[float], described("Training loss of each epoch.", [3.58, 2.41, 1.97])]
    report_url: Annotated[
        str | None,
        described(
            "Opens the report in a browser; where keys exist, for five minutes without one. Null if there is none.",
            "/v1/admin/model/report?v=fb794aeabb5b",
        ),
    ] = None


class DriftAnswer(msgspec.Struct):
    """How an index differs from the database."""

    engine: EngineName
    expected: Annotated[int, described("Number of photos that the index should hold.", 1200)]
    held: Annotated[int, described("Number of photos that the index holds.", 1199)]
    missing: Annotated[tuple[int, ...], described("Ids of photos that the index lacks.", [7])]
    extra: Annotated[tuple[int, ...], described("Ids of photos that only the index has.")]
    different: Annotated[tuple[int, ...], described("Ids of photos whose vector or filter values differ.")]


class DuplicateLink(msgspec.Struct):
    """Two listings that share a photo, with their most certain pair of photos, or that were reviewed."""

    listing_id: Annotated[str, example("lamp-1")]
    other_listing_id: Annotated[str, example("lamp-2")]
    photo_id: Annotated[int | None, described("Null if the listing has no photo.", 7)]
    other_photo_id: Annotated[int | None, described("Null if the listing has no photo.", 9)]
    verdict: Annotated[
        str,
        described(
            "`identical`, `same photo edited`, or `no shared photo` of a reviewed pair that shares none (any more).",
            "same photo edited",
        ),
    ]
    score: Annotated[float, described("Share of the picture that both photos show, 0 to 1.", 0.97)]
    decision: Annotated[str | None, described("`accept`, `reject`, or null if it is not decided.")]
    implied: Annotated[
        bool, described("Whether the decision follows from those about other pairs; undo those to undo it.", False)
    ] = False


class DuplicateListing(msgspec.Struct):
    """What a reviewer compares of a listing, beside the photos."""

    listing_id: Annotated[str, example("lamp-1", "lamp-2")]
    title: Annotated[str, example("Brass desk lamp", "Desk lamp, brass")]
    price: Annotated[float | None, example(24.5, 19)]
    currency: Annotated[str | None, described("ISO 4217 code of the price.", "GBP")]
    category_path: Annotated[list[str], example(["Home & Garden", "Lamps"])]
    location: Annotated[str, example("Delph, Manchester")]
    seller: Annotated[str, example("seller-9", "seller-3")]
    listed_at: Annotated[str, described("ISO 8601 time.", "2026-03-01T09:30:00+00:00")]
    url: Annotated[str, described("The listing's page in the shop.", "https://shop.example/lamp-1")]
    sold: Annotated[bool, described("Whether the listing is no longer for sale.", False)]


class DuplicateGroup(msgspec.Struct):
    """Listings that are connected by shared photos or reviews."""

    listing_ids: Annotated[tuple[str, ...], example(["lamp-1", "lamp-2"])]
    links: list[DuplicateLink]
    listings: Annotated[list[DuplicateListing], described("In the order of `listing_ids`.")]


class DuplicateGroupPage(msgspec.Struct):
    """A page of groups, largest first."""

    groups: list[DuplicateGroup]
    undecided_pairs: Annotated[int, described("Pairs that wait for a decision, in all groups.", 3)]
    cursor: Annotated[str | None, described("Send it to get the next page; null on the last page.", "LTIgbGFtcC0x")]


class DuplicateDecision(msgspec.Struct, forbid_unknown_fields=True):
    """A decision about two listings."""

    listing_id: Annotated[str, described("One listing.", "lamp-1")]
    other_listing_id: Annotated[str, described("The other listing.", "lamp-2")]
    decision: Annotated[
        Literal["accept", "reject", "undecided"],
        described(
            "`accept`: they are the same item. `reject`: they are not. `undecided`: forget the decision.", "accept"
        ),
    ]
