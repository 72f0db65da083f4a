"""The tables, one module per subject. Importing this package declares them all; `db` and services may import it.

These modules do without `from __future__ import annotations`, which would break SQLModel.
"""

from db.models.access import ApiKey, AuditEntry, HashScheme, RateWindow, Role, SigningKey
from db.models.catalogue import CategorySpelling, Embedding, Listing, ModelVersion, Photo, PhotoState
from db.models.columns import Money, UtcDateTime, utc_now
from db.models.duplicates import DuplicatePair, DuplicateReview, DuplicateSearch
from db.models.indexing import Event, FeedCursor, FeedOperation, Generation, GenerationState, RecallHour
from db.models.jobs import ENDED, Job, JobState, JobWarning, Reject

__all__ = [
    "ENDED",
    "ApiKey",
    "AuditEntry",
    "CategorySpelling",
    "DuplicatePair",
    "DuplicateReview",
    "DuplicateSearch",
    "Embedding",
    "Event",
    "FeedCursor",
    "FeedOperation",
    "Generation",
    "GenerationState",
    "HashScheme",
    "Job",
    "JobState",
    "JobWarning",
    "Listing",
    "ModelVersion",
    "Money",
    "Photo",
    "PhotoState",
    "RateWindow",
    "RecallHour",
    "Reject",
    "Role",
    "SigningKey",
    "UtcDateTime",
    "utc_now",
]
