"""Jobs and their rejects in the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import delete
from sqlmodel import Session, col, select

from db.models import Job, JobState, Reject, utc_now
from db.records import RejectedRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def create_job(session: Session, kind: str, inputs: Mapping[str, object], *, state: JobState = JobState.QUEUED) -> str:
    """Add a job of this kind and return its id, 32 hex digits. A queued one is for whoever runs the queue."""
    job = Job(id=uuid4().hex, kind=kind, inputs=dict(inputs), state=state)
    session.add(job)
    return job.id


def start_job(session: Session, job_id: str) -> None:
    """Mark the job as running."""
    job = session.get_one(Job, job_id)
    job.state, job.started_at = JobState.RUNNING, utc_now()


def add_counts(session: Session, job_id: str, counts: Mapping[str, int]) -> None:
    """Add to the job's counts."""
    job = session.get_one(Job, job_id, with_for_update=True)
    job.counts = {name: job.counts.get(name, 0) + counts.get(name, 0) for name in {**job.counts, **counts}}


def finish_job(session: Session, job_id: str, error: str | None = None) -> None:
    """Mark the job as succeeded, or as failed when there is an error."""
    job = session.get_one(Job, job_id)
    job.state = JobState.FAILED if error else JobState.SUCCEEDED
    job.error, job.finished_at = error, utc_now()


def running_jobs(session: Session) -> Sequence[Job]:
    """Return every job that a process runs, or ran when it was killed."""
    return session.exec(select(Job).where(Job.state == JobState.RUNNING).order_by(col(Job.created_at))).all()


def requeue_job(session: Session, job_id: str) -> None:
    """Queue a job again from its start, with an empty account."""
    _queue_again(session, session.get_one(Job, job_id))


def oldest_queued_job(session: Session) -> Job | None:
    """Return the job to run next."""
    return session.exec(select(Job).where(Job.state == JobState.QUEUED).order_by(col(Job.created_at))).first()


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
    session.execute(delete(Reject).where(col(Reject.job_id) == job.id))
