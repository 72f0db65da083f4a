"""Jobs, the records that they rejected, and what they changed in others."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Text,
)
from sqlalchemy import false as sql_false
from sqlmodel import Field, SQLModel

from db.models.columns import BigId, UtcDateTime, utc_now


class JobState(StrEnum):
    """Lifecycle of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""The final states."""


class Job(SQLModel, table=True):
    """One run of ingest, reindex or another kind of work, with its counts."""

    __tablename__ = "job"
    __table_args__ = (
        Index("uq_job_idempotency_key", "idempotency_key", unique=True),
        Index("ix_job_created_at_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=20)
    state: JobState = Field(sa_column=Column(Text, nullable=False, index=True), default=JobState.QUEUED)
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), default_factory=dict)
    counts: dict[str, int] = Field(sa_column=Column(JSON, nullable=False), default_factory=dict)
    error: str | None = Field(default=None, sa_type=Text)
    progress: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    cancel_requested: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=sql_false()))
    idempotency_key: str | None = Field(default=None, max_length=255)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Reject(SQLModel, table=True):
    """A record or photo that a job rejected. The columns are those of rejects.csv."""

    __tablename__ = "reject"

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    job_id: str = Field(sa_column=Column(ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True))
    file: str = Field(sa_type=Text)
    line: int = Field(sa_type=BigInteger)
    record_id: str = Field(sa_type=Text)
    field: str = Field(max_length=50)
    reason: str = Field(max_length=50)
    text: str = Field(sa_type=Text)


class JobWarning(SQLModel, table=True):
    """Something that a job repaired, guessed or left out. The columns are those of warnings.csv."""

    __tablename__ = "warning"

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    job_id: str = Field(sa_column=Column(ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True))
    file: str = Field(sa_type=Text)
    line: int = Field(sa_type=BigInteger)
    record_id: str = Field(sa_type=Text)
    field: str = Field(sa_type=Text)
    flag: str = Field(max_length=50)
    before: str = Field(sa_type=Text)
    after: str = Field(sa_type=Text)
