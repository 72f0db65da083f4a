"""Keeping a job's outcome: running, succeeded, failed with its error, or back in the queue when interrupted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from db import jobs
from services.errors import LookalikeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.session import Database


class JobInterrupted(BaseException):
    """The service is stopping: the job gives up between two transactions and is queued again."""


@contextmanager
def recorded(database: Database, job_id: str) -> Iterator[None]:
    """Keep the outcome of the block with the job; errors are passed on."""
    with database.write() as session:
        jobs.start_job(session, job_id)
    try:
        yield
    except JobInterrupted:
        with database.write() as session:
            jobs.requeue_job(session, job_id)
        raise
    except BaseException as error:
        message = str(error) if isinstance(error, LookalikeError) else f"{type(error).__name__}: {error}"
        with database.write() as session:
            jobs.finish_job(session, job_id, message)
        raise
    with database.write() as session:
        jobs.finish_job(session, job_id)
