"""Jobs in the database, with their progress, rejects and warnings."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import delete, tuple_
from sqlmodel import Session, col, select

from db.models import ENDED, Job, JobState, JobWarning, Reject, utc_now
from db.rows.records import RejectedRecord, WarningRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_MIN_SECONDS_FOR_RATE = 0.5
"""A stage shorter than this has no rate: the quotient would be noise."""

_MIN_EMBEDDED, _RECENT = 20, 50
"""Photos of a job that tell how fast photos are embedded, and how many jobs are asked."""

_WARNINGS = "warnings:"
"""Prefix in a job's counts of the number of warnings by flag: a job with a million warnings is told without a scan."""

_REJECTS = "rejects:"
"""The same of the number of rejects by reason."""

_PROMOTED = "promoted"
_WITHOUT_TEXTS = ("process", "dry_run", "fingerprint", "generation", "model_version", "force", _PROMOTED)
"""Inputs that say nothing about what is in a feed."""
"""Key in a job's inputs of the generation that the job promoted."""


@dataclass(frozen=True, slots=True)
class JobStage:
    """A job's progress: items of the stage done by `at`, of a total if known. The stage began at `since`."""

    stage: str
    done: int
    total: int | None
    since: datetime
    at: datetime

    @property
    def rate(self) -> float | None:
        """Items per second; None until enough is done to tell."""
        seconds = (self.at - self.since).total_seconds()
        return self.done / seconds if self.done and seconds >= _MIN_SECONDS_FOR_RATE else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the stage ends at its average rate; None if unknown."""
        return (self.total - self.done) / self.rate if self.total is not None and self.rate else None


def create_job(
    session: Session,
    kind: str,
    inputs: Mapping[str, object],
    *,
    state: JobState = JobState.QUEUED,
    idempotency_key: str | None = None,
) -> str:
    """Insert a job and return its id, 32 hex digits. The job runner picks up a queued job.

    Raises:
        IntegrityError: on flush, if another job has the idempotency key.
    """
    job = Job(id=uuid4().hex, kind=kind, inputs=dict(inputs), state=state, idempotency_key=idempotency_key)
    session.add(job)
    return job.id


def start_job(session: Session, job_id: str) -> bool:
    """Mark the job running and return True; return False if it was cancelled."""
    job = session.get_one(Job, job_id, with_for_update=True)
    if job.state == JobState.CANCELLED:
        return False
    job.state, job.started_at = JobState.RUNNING, utc_now()
    return True


def add_counts(session: Session, job_id: str, counts: Mapping[str, int]) -> None:
    job = session.get_one(Job, job_id, with_for_update=True)
    job.counts = {name: job.counts.get(name, 0) + counts.get(name, 0) for name in {**job.counts, **counts}}


def runs_in_a_command(session: Session, job_id: str) -> bool:
    """Say whether a command runs the job in its own process, so that no server can run it from the queue."""
    return "process" in session.get_one(Job, job_id).inputs


def finish_job(session: Session, job_id: str, error: str | None = None) -> None:
    """Mark the job succeeded with its progress complete, or failed if there is an error."""
    job = session.get_one(Job, job_id)
    job.state = JobState.FAILED if error else JobState.SUCCEEDED
    job.error, job.finished_at = error, utc_now()
    if not error:
        set_progress(session, job_id, JobStage("done", 1, 1, since=job.finished_at, at=job.finished_at))


def cancel_job(session: Session, job_id: str) -> None:
    """Mark the job cancelled."""
    job = session.get_one(Job, job_id)
    job.state, job.finished_at = JobState.CANCELLED, utc_now()


def request_cancel(session: Session, job_id: str) -> Job | None:
    """Cancel a queued job, or ask a running job's process to cancel it; an ended job stays unchanged.

    Returns:
        The job after the change, or None if no job has this id.
    """
    job = session.get(Job, job_id, with_for_update=True)
    if job is not None and job.state == JobState.QUEUED:
        cancel_job(session, job_id)
    if job is not None and job.state == JobState.RUNNING:
        job.cancel_requested = True
    return job


def set_progress(session: Session, job_id: str, progress: JobStage) -> bool:
    """Record a job's progress, and return whether its cancellation was requested."""
    job = session.get_one(Job, job_id, with_for_update=True)
    job.progress = asdict(progress) | {"since": progress.since.isoformat(), "at": progress.at.isoformat()}
    return job.cancel_requested


def progress_of(job: Job) -> JobStage | None:
    """Return the job's last recorded progress."""
    if job.progress is None:
        return None
    times = {name: datetime.fromisoformat(job.progress[name]) for name in ("since", "at")}
    return JobStage(**{**job.progress, **times})


def newest_jobs(
    session: Session, *, limit: int, before: tuple[datetime, str] | None = None, state: JobState | None = None
) -> Sequence[Job]:
    """Return up to `limit` jobs, newest first; `before` is the creation time and id of the job to continue after."""
    query = select(Job).order_by(col(Job.created_at).desc(), col(Job.id).desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < before)
    if state is not None:
        query = query.where(Job.state == state)
    return session.exec(query).all()


def newest_of_kind(session: Session, kind: str) -> Job | None:
    query = select(Job).where(Job.kind == kind).order_by(col(Job.created_at).desc(), col(Job.id).desc())
    return session.exec(query).first()


def photos_embedded_per_second(session: Session) -> float | None:
    """Return the rate of the newest job that embedded at least `_MIN_EMBEDDED` photos; None if there is none.

    The job did other work too, so embedding alone is faster.
    """
    query = select(Job).where(Job.state == JobState.SUCCEEDED).order_by(col(Job.created_at).desc()).limit(_RECENT)
    for job in session.exec(query):
        photos = job.counts.get("photos_embedded", 0)
        if photos >= _MIN_EMBEDDED and job.started_at and job.finished_at and job.finished_at > job.started_at:
            return float(photos / (job.finished_at - job.started_at).total_seconds())
    return None


def job_of_key(session: Session, idempotency_key: str) -> Job | None:
    """Return the job that was created with this idempotency key."""
    return session.exec(select(Job).where(Job.idempotency_key == idempotency_key)).first()


def running_jobs(session: Session) -> Sequence[Job]:
    """Return the jobs marked running, including those of killed processes, oldest first."""
    return session.exec(select(Job).where(Job.state == JobState.RUNNING).order_by(col(Job.created_at))).all()


def unfinished_jobs(session: Session) -> Sequence[Job]:
    """Return all queued and running jobs."""
    return session.exec(select(Job).where(col(Job.state).not_in(ENDED))).all()


def requeue_job(session: Session, job_id: str) -> None:
    """Queue a job again from its start, without its counts, progress, rejects and warnings."""
    job = session.get_one(Job, job_id)
    job.state, job.started_at, job.finished_at, job.error, job.counts = JobState.QUEUED, None, None, None, {}
    job.progress = None
    session.execute(delete(Reject).where(col(Reject.job_id) == job_id))
    session.execute(delete(JobWarning).where(col(JobWarning.job_id) == job_id))


def oldest_queued_job(session: Session) -> Job | None:
    """Return the job to run next, if any."""
    return session.exec(select(Job).where(Job.state == JobState.QUEUED).order_by(col(Job.created_at))).first()


def set_promoted(session: Session, job_id: str, generation_id: int) -> None:
    """Record the generation that the job promotes, in the same transaction as the promotion."""
    job = session.get_one(Job, job_id, with_for_update=True)
    job.inputs = {**job.inputs, _PROMOTED: generation_id}  # inputs survive when the job is queued again


def promoted_generation(session: Session, job_id: str) -> int | None:
    """Return the generation that the job promoted, possibly before it was killed and queued again."""
    promoted: int | None = session.get_one(Job, job_id).inputs.get(_PROMOTED)
    return promoted


def find_job(session: Session, job_id: str) -> Job | None:
    """Return the job, or None if no job has this id."""
    return session.get(Job, job_id)


def find_jobs(session: Session, job_ids: Collection[str]) -> Sequence[Job]:
    """Return those of the jobs that exist, in no order."""
    return session.exec(select(Job).where(col(Job.id).in_(job_ids))).all()


def add_rejects(session: Session, job_id: str, rejects: Sequence[RejectedRecord]) -> None:
    """Store a job's rejects, and their number by reason in its counts, where `rejects_by_reason` finds them."""
    _add(session, job_id, Reject, rejects)
    if rejects:
        add_counts(session, job_id, Counter(f"{_REJECTS}{reject.reason}" for reject in rejects))


def rejects_of(session: Session, job_id: str) -> Iterator[RejectedRecord]:
    """Yield the job's rejects in the order in which they were added."""
    for row in session.exec(select(Reject).where(Reject.job_id == job_id).order_by(col(Reject.id))):
        yield RejectedRecord(row.file, row.line, row.record_id, row.field, row.reason, row.text)


def add_warnings(session: Session, job_id: str, warnings: Sequence[WarningRecord]) -> None:
    """Store a job's warnings, and their number by flag in its counts, where `warnings_by_flag` finds them."""
    _add(session, job_id, JobWarning, warnings)
    if warnings:
        add_counts(session, job_id, Counter(f"{_WARNINGS}{warning.flag}" for warning in warnings))


def warnings_of(session: Session, job_id: str) -> Iterator[WarningRecord]:
    """Yield the job's warnings in the order in which they were added."""
    for row in session.exec(select(JobWarning).where(JobWarning.job_id == job_id).order_by(col(JobWarning.id))):
        yield WarningRecord(row.file, row.line, row.record_id, row.field, row.flag, row.before, row.after)


def prune_reports(session: Session, *, before: datetime) -> int:
    """Delete the rejects and warnings of jobs that ended before a time, and return their number; the counts stay."""
    ended = select(Job.id).where(col(Job.finished_at) < before)
    removed = 0
    for table in (Reject, JobWarning):
        query = delete(table).where(col(table.job_id).in_(ended))
        removed += session.execute(query).rowcount  # type: ignore[attr-defined]
    return removed


def warned_ids(session: Session, job_id: str, flags: Collection[str], *, limit: int) -> list[str]:
    """Return the first ids of records with a warning of one of these flags."""
    query = select(JobWarning.record_id).where(JobWarning.job_id == job_id, col(JobWarning.flag).in_(flags))
    return list(session.exec(query.order_by(col(JobWarning.id)).limit(limit)))


def counts_of(job: Job) -> dict[str, int]:
    """Return the job's counts, without those of its rejects and warnings by code."""
    return {name: count for name, count in job.counts.items() if not name.startswith((_REJECTS, _WARNINGS))}


def rejects_by_reason(job: Job) -> dict[str, int]:
    """Return the number of the job's rejects by reason, most frequent first."""
    return _by_code(job, _REJECTS)


def warnings_by_flag(job: Job) -> dict[str, int]:
    """Return the number of the job's warnings by flag, most frequent first."""
    return _by_code(job, _WARNINGS)


def _by_code(job: Job, prefix: str) -> dict[str, int]:
    counts = [(name, count) for name, count in job.counts.items() if name.startswith(prefix)]
    return {name.removeprefix(prefix): count for name, count in sorted(counts, key=lambda one: -one[1])}


def _add(
    session: Session,
    job_id: str,
    table: type[Reject | JobWarning],
    records: Sequence[RejectedRecord] | Sequence[WarningRecord],
) -> None:
    for record in records:
        columns = {name: getattr(record, name) for name in record.__dataclass_fields__}
        session.add(table(job_id=job_id, **columns))


def erase_texts(session: Session) -> None:
    """Take what feeds said out of all ended jobs: their files, options and errors. Kinds, states and counts stay."""
    for job in session.exec(select(Job).where(col(Job.state).in_(ENDED))).all():
        job.inputs = {name: job.inputs[name] for name in _WITHOUT_TEXTS if name in job.inputs}
        job.progress, job.error = None, job.error and "(erased)"
