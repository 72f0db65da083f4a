"""Jobs and their rejects in the truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import delete, tuple_
from sqlmodel import Session, col, select

from db.models import ENDED, Job, JobState, Reject, utc_now
from db.rows.records import RejectedRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_RATE_AFTER_S = 0.5
"""For so long a stage tells no rate: of what was done in an instant it would be nonsense."""

_PROMOTED = "promoted"
"""Name under which a job's inputs keep the generation that it promoted."""


@dataclass(frozen=True, slots=True)
class JobStage:
    """How far a job is: so much of a stage done, of a total where it is known, since it began until `at`."""

    stage: str
    done: int
    total: int | None
    since: datetime
    at: datetime

    @property
    def rate(self) -> float | None:
        """How much is done per second; None before there is anything to tell from."""
        seconds = (self.at - self.since).total_seconds()
        return self.done / seconds if self.done and seconds >= _RATE_AFTER_S else None

    @property
    def seconds_left(self) -> float | None:
        """Of this stage, at the present rate; None where that cannot be told."""
        return (self.total - self.done) / self.rate if self.total is not None and self.rate else None


def create_job(
    session: Session,
    kind: str,
    inputs: Mapping[str, object],
    *,
    state: JobState = JobState.QUEUED,
    idempotency_key: str | None = None,
) -> str:
    """Add a job of this kind and return its id, 32 hex digits. A queued one is for whoever runs the queue.

    Raises:
        IntegrityError: when this is flushed, and another job has the key.
    """
    job = Job(id=uuid4().hex, kind=kind, inputs=dict(inputs), state=state, idempotency_key=idempotency_key)
    session.add(job)
    return job.id


def start_job(session: Session, job_id: str) -> bool:
    """Mark the job as running, and return whether it is; one that was cancelled stays so."""
    job = session.get_one(Job, job_id, with_for_update=True)
    if job.state == JobState.CANCELLED:
        return False
    job.state, job.started_at = JobState.RUNNING, utc_now()
    return True


def add_counts(session: Session, job_id: str, counts: Mapping[str, int]) -> None:
    """Add to the job's counts."""
    job = session.get_one(Job, job_id, with_for_update=True)
    job.counts = {name: job.counts.get(name, 0) + counts.get(name, 0) for name in {**job.counts, **counts}}


def runs_in_a_command(session: Session, job_id: str) -> bool:
    """Return whether a command runs the job by itself: no server could run it from the queue."""
    return "process" in session.get_one(Job, job_id).inputs


def finish_job(session: Session, job_id: str, error: str | None = None) -> None:
    """Mark the job as succeeded, all of it done, or as failed in its stage when there is an error."""
    job = session.get_one(Job, job_id)
    job.state = JobState.FAILED if error else JobState.SUCCEEDED
    job.error, job.finished_at = error, utc_now()
    if not error:
        set_progress(session, job_id, JobStage("done", 1, 1, since=job.finished_at, at=job.finished_at))


def cancel_job(session: Session, job_id: str) -> None:
    """Mark the job as cancelled."""
    job = session.get_one(Job, job_id)
    job.state, job.finished_at = JobState.CANCELLED, utc_now()


def request_cancel(session: Session, job_id: str) -> Job | None:
    """Cancel a queued job, and ask the process that runs a running one to; an ended one stays as it is.

    Returns the job as it stands then, or None when there is none of this id.
    """
    job = session.get(Job, job_id, with_for_update=True)
    if job is not None and job.state == JobState.QUEUED:
        cancel_job(session, job_id)
    if job is not None and job.state == JobState.RUNNING:
        job.cancel_requested = True
    return job


def set_progress(session: Session, job_id: str, progress: JobStage) -> bool:
    """Record how far a job is, and return whether somebody wants it cancelled."""
    job = session.get_one(Job, job_id, with_for_update=True)
    job.progress = asdict(progress) | {"since": progress.since.isoformat(), "at": progress.at.isoformat()}
    return job.cancel_requested


def progress_of(job: Job) -> JobStage | None:
    """Return how far the job was when it last told."""
    if job.progress is None:
        return None
    times = {name: datetime.fromisoformat(job.progress[name]) for name in ("since", "at")}
    return JobStage(**{**job.progress, **times})


def newest_jobs(
    session: Session, *, limit: int, before: tuple[datetime, str] | None = None, state: JobState | None = None
) -> Sequence[Job]:
    """Return up to `limit` jobs, newest first, that are older than the one with this time and id."""
    query = select(Job).order_by(col(Job.created_at).desc(), col(Job.id).desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < before)
    if state is not None:
        query = query.where(Job.state == state)
    return session.exec(query).all()


def newest_of_kind(session: Session, kind: str) -> Job | None:
    """Return the job of a kind that was created last."""
    query = select(Job).where(Job.kind == kind).order_by(col(Job.created_at).desc(), col(Job.id).desc())
    return session.exec(query).first()


def job_of_key(session: Session, idempotency_key: str) -> Job | None:
    """Return the job that was created with this key."""
    return session.exec(select(Job).where(Job.idempotency_key == idempotency_key)).first()


def running_jobs(session: Session) -> Sequence[Job]:
    """Return every job that a process runs, or ran when it was killed."""
    return session.exec(select(Job).where(Job.state == JobState.RUNNING).order_by(col(Job.created_at))).all()


def unfinished_jobs(session: Session) -> Sequence[Job]:
    """Return every job that is queued or running."""
    return session.exec(select(Job).where(col(Job.state).not_in(ENDED))).all()


def requeue_job(session: Session, job_id: str) -> None:
    """Queue a job again from its start, with an empty account."""
    _queue_again(session, session.get_one(Job, job_id))


def oldest_queued_job(session: Session) -> Job | None:
    """Return the job to run next."""
    return session.exec(select(Job).where(Job.state == JobState.QUEUED).order_by(col(Job.created_at))).first()


def set_promoted(session: Session, job_id: str, generation_id: int) -> None:
    """Record which generation the job promotes, in the transaction that does."""
    job = session.get_one(Job, job_id, with_for_update=True)
    job.inputs = {**job.inputs, _PROMOTED: generation_id}  # what it found out stays when it is queued again


def promoted_generation(session: Session, job_id: str) -> int | None:
    """Return the generation that the job has promoted, perhaps before it was killed and queued again."""
    promoted: int | None = session.get_one(Job, job_id).inputs.get(_PROMOTED)
    return promoted


def find_job(session: Session, job_id: str) -> Job | None:
    """Return the job, or None when there is none of this id."""
    return session.get(Job, job_id)


def add_rejects(session: Session, job_id: str, rejects: Sequence[RejectedRecord]) -> None:
    """Keep the rejects with their job."""
    for reject in rejects:
        columns = {name: getattr(reject, name) for name in RejectedRecord.__dataclass_fields__}
        session.add(Reject(job_id=job_id, **columns))


def rejects_of(session: Session, job_id: str) -> Iterator[RejectedRecord]:
    """Yield the job's rejects in the order in which they were found."""
    for row in session.exec(select(Reject).where(Reject.job_id == job_id).order_by(col(Reject.id))):
        yield RejectedRecord(row.file, row.line, row.record_id, row.field, row.reason, row.text)


def counts_of(session: Session, job_id: str) -> dict[str, int]:
    """Return the job's counts as they stand."""
    return dict(session.get_one(Job, job_id).counts)


def _queue_again(session: Session, job: Job) -> None:
    job.state, job.started_at, job.finished_at, job.error, job.counts = JobState.QUEUED, None, None, None, {}
    job.progress = None
    session.execute(delete(Reject).where(col(Reject.job_id) == job.id))
