"""Keeping a job's outcome: running, succeeded, failed with its error, cancelled, or queued again when interrupted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from db.rows import jobs
from db.session import is_database_unavailable
from services.errors import LookalikeError, is_storage_full
from services.ingest.pipeline.job_progress import JobCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from db.session import Database


_OURS = "Something went wrong on our side ({}); the log of the process that ran the job says more."


class JobInterrupted(BaseException):
    """The service is stopping: the job gives up between two transactions and is queued again."""


def may_pass(error: BaseException) -> bool:
    """Say whether the job may be run again with more success: the database is away, or a disk full."""
    return is_database_unavailable(error) or is_storage_full(error)


@contextmanager
def record_outcome(database: Database, job_id: str, *, retold: Callable[[str], str] = str) -> Iterator[None]:
    """Keep the outcome of the block with the job; errors are passed on.

    Args:
        database: of the job.
        job_id: the job.
        retold: makes of an error's message what is kept of it.

    Raises:
        JobCancelled: the job was cancelled, now or before it was begun.
    """
    with database.write() as session:
        if not jobs.start_job(session, job_id):
            raise JobCancelled
    try:
        yield
    except JobInterrupted:
        with database.write() as session:
            jobs.requeue_job(session, job_id)
        raise
    except JobCancelled:
        with database.write() as session:
            jobs.cancel_job(session, job_id)
        raise
    except BaseException as error:
        if may_pass(error):
            with database.write() as session:
                if jobs.runs_in_a_command(session, job_id):
                    jobs.finish_job(session, job_id, retold(str(error)))
                else:
                    jobs.requeue_job(session, job_id)
            raise
        message = str(error) if isinstance(error, LookalikeError) else _OURS.format(type(error).__name__)
        with database.write() as session:
            jobs.finish_job(session, job_id, retold(message))
        raise
    with database.write() as session:
        jobs.finish_job(session, job_id)
