"""Records the outcome of a job: succeeded, failed with its error, cancelled, or queued again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from db.rows import jobs
from db.session import is_database_unavailable
from services.disk_errors import disk_problem
from services.errors import LookalikeError, is_storage_full
from services.ingest.pipeline.job_progress import JobCancelled
from services.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from db.session import Database


_INTERNAL_ERROR = "Internal error ({}). See the log of the process that ran the job."


class JobInterrupted(BaseException):
    """The service is stopping: the job stops between two transactions and is queued again."""


def is_temporary(error: BaseException) -> bool:
    """Whether running the job again may succeed: the database cannot be reached, or a disk is full."""
    return is_database_unavailable(error) or is_storage_full(error)


def _message(error: BaseException) -> str:
    if isinstance(error, LookalikeError | OSError):
        return disk_problem(error) or str(error)
    return _INTERNAL_ERROR.format(type(error).__name__)


@contextmanager
def record_outcome(database: Database, job_id: str, *, rewrite: Callable[[str], str] = str) -> Iterator[None]:
    """Start the job, run the block, and record how it ended; errors are raised again.

    Args:
        rewrite: edits an error message before it is stored, for example to hide a path.

    Raises:
        JobCancelled: the job was cancelled, before it started or in the block.
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
        if is_temporary(error):
            with database.write() as session:
                if jobs.runs_in_a_command(session, job_id):
                    jobs.finish_job(session, job_id, rewrite(redacted(str(error))))
                else:
                    jobs.requeue_job(session, job_id)
            raise
        with database.write() as session:
            jobs.finish_job(session, job_id, rewrite(_message(error)))
        raise
    with database.write() as session:
        jobs.finish_job(session, job_id)
