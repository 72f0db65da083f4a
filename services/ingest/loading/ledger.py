"""The ledger of an ingest job: what it read, and what became of every record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.models import PhotoState
from db.rows import jobs, photos
from db.rows.records import RejectedRecord, WarningRecord
from services.ingest.cleaning.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel import Session

    from db.models import Job, Photo
    from db.session import Database


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """Totals of an ingest job. For listings and for photos: read = accepted + rejected + duplicates.

    Attributes:
        counts: by the name under which the job stores them, `listings_read`; see `complete_counts`.
        reasons: number of rejects by reason code.
        warnings: number of warnings by flag.
    """

    job_id: str
    counts: dict[str, int]
    reasons: dict[str, int]
    warnings: dict[str, int]


COUNTS = tuple(
    f"{kind}_{outcome}"
    for kind, outcomes in (
        ("listings", ("read", "accepted", "rejected", "duplicates", "new", "updated", "unchanged")),
        ("listings", ("removed", "sold", "kept", "before")),
        ("photos", ("read", "accepted", "rejected", "duplicates", "new", "replaced", "renamed", "unchanged")),
        ("photos", ("removed", "embedded", "failed", "set_aside")),
    )
    for outcome in outcomes
)
"""Every count of an ingest job, in display order."""

_OF_STORED_PHOTOS = frozenset(
    f"photos_{outcome}"
    for outcome in ("new", "replaced", "renamed", "unchanged", "removed", "embedded", "failed", "set_aside")
)
"""Counts that a dry run leaves open, because it reads no photo."""


def complete_counts(job: Job) -> dict[str, int]:
    """Return the counts of an ingest job in display order, 0 included. A dry run lacks those of stored photos."""
    names = (name for name in COUNTS if not (job.inputs.get("dry_run") and name in _OF_STORED_PHOTOS))
    return dict.fromkeys(names, 0) | jobs.counts_of(job)


class Ledger:
    """Collects counts, rejects and warnings, and writes them in the same transaction as the rows that they count."""

    def __init__(self, database: Database, job_id: str) -> None:
        self._database, self.job_id = database, job_id
        self._counts: Counter[str] = Counter()
        self._rejects: list[RejectedRecord] = []
        self._warnings: list[WarningRecord] = []

    @property
    def unwritten_rejects(self) -> Sequence[RejectedRecord]:
        """The rejects and duplicates since the last `write`."""
        return self._rejects

    def count(self, name: str, by: int = 1) -> None:
        """Add to a count; the next `write` stores it."""
        self._counts[name] += by

    def reject(self, kind: str, record: RejectedRecord) -> None:
        """Record a rejected record (`kind`: `listings` or `photos`)."""
        self.count(f"{kind}_rejected")
        self._rejects.append(record)

    def duplicate(self, kind: str, record: RejectedRecord) -> None:
        """Record that a later record with the same id supersedes this one."""
        self.count(f"{kind}_duplicates")
        self._rejects.append(record)

    def warn(self, record: WarningRecord) -> None:
        """Record what was repaired, guessed or left out in an accepted record, or a notice about a whole file."""
        self._warnings.append(record)

    def count_embedded(self) -> None:
        """Count the job's photos that any worker embedded; failed ones become rejects, flagged ones warnings."""
        with self._database.write() as session:
            counts = photos.state_counts(session, job_id=self.job_id)
            failed = photos.failed_photos(session, job_id=self.job_id)
            self.count("photos_embedded", counts[PhotoState.EMBEDDED])
            self.count("photos_set_aside", counts[PhotoState.SET_ASIDE])
            self.count("photos_failed", len(failed))
            self._rejects.extend(map(rejected_photo, failed))
            for row in photos.flagged_photos(session, job_id=self.job_id):
                self._warnings.extend(_photo_warnings(row))
            self.write(session)

    def write(self, session: Session) -> None:
        """Store what was collected, in the caller's transaction."""
        jobs.add_rejects(session, self.job_id, self._rejects)
        jobs.add_warnings(session, self.job_id, self._warnings)
        jobs.add_counts(session, self.job_id, self._counts)
        self._counts, self._rejects, self._warnings = Counter(), [], []

    def flush(self) -> None:
        """Store what was collected, in a new transaction."""
        with self._database.write() as session:
            self.write(session)

    def summary(self) -> IngestSummary:
        """Return the totals stored so far."""
        with self._database.read() as session:
            job = jobs.find_job(session, self.job_id)
            assert job is not None, "a ledger belongs to a job"
        return IngestSummary(
            self.job_id,
            complete_counts(job),
            reasons=jobs.rejects_by_reason(job),
            warnings=jobs.warnings_by_flag(job),
        )


def rejected_photo(row: Photo) -> RejectedRecord:
    """Convert the row of a photo that could not be embedded; the row names a listing, not a file and line."""
    reason, _, text = (row.error or "").partition(": ")
    of = f" (photo of listing {row.listing_id!r})"
    return RejectedRecord(row.source, 0, row.external_id, "photo", reason, shorten(text + of))


def _photo_warnings(row: Photo) -> Iterator[WarningRecord]:
    """Yield the flags of a photo that was embedded; the row names a listing, not a file and line."""
    before = shorten(f"photo of listing {row.listing_id!r}")
    for flag in row.flags:
        yield WarningRecord(row.source, 0, row.external_id, "photo", flag, before, "the picture that the file holds")
