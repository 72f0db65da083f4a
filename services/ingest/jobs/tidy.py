"""The daily tidy job: removes old events of the change feed, files of deleted photos, old reports and audit entries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.models import GenerationState, utc_now
from db.rows import feed, generations, jobs, photos
from db.rows.access import audit
from db.session import VALUES_PER_QUERY
from ml.bundle.store import remove_abandoned
from services.ingest.loading.categories import remove_unused_spellings
from services.ingest.pipeline.outcome import record_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources

FEED_KEPT_FOR = timedelta(days=7)
"""Indexes of previous generations catch up from these events when they are promoted again."""

PHOTOS_KEPT_FOR = timedelta(days=1)
"""Photos are stored before their listings: a younger file without a row may belong to a job that still runs."""

_INTERVAL = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TidyResult:
    """The numbers of what was removed; `reports` are rejects and warnings, `spellings` those of categories."""

    events: int
    photos: int
    reports: int = 0
    spellings: int = 0
    audit_entries: int = 0


def tidy(
    resources: Resources,
    *,
    feed_kept_for: timedelta = FEED_KEPT_FOR,
    photos_kept_for: timedelta = PHOTOS_KEPT_FOR,
    reports_kept_for: timedelta | None = None,
) -> TidyResult:
    """Remove feed events that every follower has applied, what is older than the settings allow, and what is not used.

    The settings limit the age of job reports and audit entries; photo files and spellings of categories may be unused.

    Raises:
        OSError: the photo store cannot be reached.
    """
    resources.live.persist()  # advances the feed position of the snapshot
    remove_abandoned(resources.models.folder)
    events = _prune_feed(resources, feed_kept_for)
    swept = resources.photo_files.sweep_unused(lambda names: _used(resources, names), untouched_for=photos_kept_for)
    with resources.database.write() as session:
        settings, now = resources.settings, utc_now()
        reports_kept_for = timedelta(days=settings.reports_days) if reports_kept_for is None else reports_kept_for
        return TidyResult(
            events,
            swept,
            reports=jobs.prune_reports(session, before=now - reports_kept_for),
            spellings=remove_unused_spellings(session),
            audit_entries=audit.prune(session, before=now - timedelta(days=settings.audit_days)),
        )


def queue_tidy_if_due(resources: Resources) -> bool:
    """Queue a tidy job if the last one, or else the first generation, is a day old; return whether one was queued."""
    with resources.database.read() as session:  # runs every second, so it must not block writers
        last, built = jobs.newest_of_kind(session, "tidy"), generations.generations(session)
    since = last.created_at if last is not None else built[-1].created_at if built else utc_now()
    if utc_now() - since < _INTERVAL:
        return False
    with resources.database.write() as session:
        jobs.create_job(session, "tidy", {})
    return True


def run_tidy_job(resources: Resources, job_id: str, progress: Progress) -> None:
    """Tidy, and record the outcome and the counts with the job."""
    with record_outcome(resources.database, job_id):
        progress("tidy", 0, None)
        removed = tidy(resources)
        with resources.database.write() as session:
            jobs.add_counts(session, job_id, {f"{name}_removed": count for name, count in asdict(removed).items()})


def _prune_feed(resources: Resources, kept_for: timedelta) -> int:
    followed = (GenerationState.LIVE, GenerationState.BUILDING)
    with resources.database.write() as session:
        collections = [
            generation.cursor_name(store.engine)
            for generation in generations.generations(session)
            if generation.state in followed
            for store in resources.stores
        ]
        return feed.prune(session, before=utc_now() - kept_for, followers=collections) if collections else 0


def _used(resources: Resources, names: Sequence[str]) -> set[str]:
    with resources.database.read() as session:
        return {name for some in chunked(names, VALUES_PER_QUERY) for name in photos.used_sha256s(session, some)}
