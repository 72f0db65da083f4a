"""The tables of the truth. Everything that an index holds can be rebuilt from these rows.

`from __future__ import annotations` would break SQLModel here, so annotations are evaluated.
"""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy import false as sql_false
from sqlmodel import Field, SQLModel

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit ids on both databases: SQLite counts up only a column declared INTEGER (which is 64-bit there)."""


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on both databases: SQLite drops the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """A `Decimal` of two places kept as a whole number of hundredths: exact on SQLite too, which has no decimals."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int((value * 100).to_integral_exact())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value).scaleb(-2)


class PhotoState(StrEnum):
    """Where a photo stands: this column is the work queue."""

    PENDING = "pending"
    EMBEDDED = "embedded"
    FAILED = "failed"


class FeedOperation(StrEnum):
    """What a change-feed event asks of an index."""

    UPSERT = "upsert"
    DELETE = "delete"


class GenerationState(StrEnum):
    """The life of a generation. At most one is live; previous ones can be promoted again until they are pruned."""

    BUILDING = "building"
    LIVE = "live"
    PREVIOUS = "previous"
    PRUNED = "pruned"
    FAILED = "failed"


class JobState(StrEnum):
    """The life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""The states that a job does not leave."""


class Role(StrEnum):
    """What the holder of a key may do; each may also do what those before it may."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Say whether this role may do what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class ApiKey(SQLModel, table=True):
    """Whoever presents it may do what its role says. Of its secret, only a hash is kept."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True, max_length=16)
    name: str = Field(sa_type=Text)
    role: Role = Field(sa_column=Column(Text, nullable=False))
    salt: bytes = Field(sa_type=LargeBinary)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """A call that changes something, by whom it was made, and how it was answered; None while it is not."""

    __tablename__ = "audit_entry"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    key_id: str | None = Field(default=None, max_length=16)
    method: str = Field(max_length=10)
    path: str = Field(sa_type=Text)
    request_id: str = Field(max_length=64)
    status: int | None = None


class RateWindow(SQLModel, table=True):
    """How many requests of a minute (since 1970) processes have taken of a key's allowance."""

    __tablename__ = "rate_window"

    key_id: str = Field(primary_key=True, max_length=16)
    minute: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    taken: int


class Job(SQLModel, table=True):
    """One run of ingest or reindex, with its counts."""

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
    """A record or photo that a job did not accept; the columns are those of rejects.csv."""

    __tablename__ = "reject"

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    job_id: str = Field(sa_column=Column(ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True))
    file: str = Field(sa_type=Text)
    line: int = Field(sa_type=BigInteger)
    record_id: str = Field(sa_type=Text)
    field: str = Field(max_length=50)
    reason: str = Field(max_length=50)
    text: str = Field(sa_type=Text)


class Listing(SQLModel, table=True):
    """An item for sale. `content_hash` tells whether an incoming record changes anything."""

    __tablename__ = "listing"

    id: str = Field(primary_key=True, max_length=200)
    title: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    category: str = Field(index=True, max_length=200)
    category_path: list[str] = Field(sa_column=Column(JSON, nullable=False))
    price: Decimal | None = Field(default=None, sa_type=Money)
    currency: str | None = Field(default=None, max_length=3)
    location: str = Field(sa_type=Text)
    region: str = Field(sa_type=Text)
    seller: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    """The marketplace's own id of who sells it; empty when unknown."""
    listed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """By the marketplace's own account; None when unknown, and then `created_at` stands for it."""
    flags: list[str] = Field(sa_column=Column(JSON, nullable=False), default_factory=list)
    content_hash: str = Field(max_length=64)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Photo(SQLModel, table=True):
    """One image of a listing. Its id is the point id in every index and is never given twice."""

    __tablename__ = "photo"
    __table_args__ = (
        UniqueConstraint("listing_id", "external_id"),
        Index("ix_photo_state_id", "state", "id"),
        Index("ix_photo_job_state", "job_id", "state"),
        Index(
            "ix_photo_lease_owner",
            "lease_owner",
            sqlite_where=text("lease_owner IS NOT NULL"),
            postgresql_where=text("lease_owner IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    listing_id: str = Field(sa_column=Column(ForeignKey("listing.id", ondelete="CASCADE"), nullable=False, index=True))
    external_id: str = Field(max_length=500)
    source: str = Field(sa_type=Text)
    sha256: str = Field(max_length=64, index=True)
    format: str = Field(max_length=10)
    size_bytes: int
    width: int
    height: int
    perceptual_hash: str | None = Field(default=None, max_length=16)
    state: PhotoState = Field(sa_column=Column(Text, nullable=False), default=PhotoState.PENDING)
    attempts: int = 0
    job_id: str | None = Field(default=None, max_length=32)
    """The job that last asked for it to be embedded; None when a single change did."""
    lease_owner: str | None = Field(default=None, max_length=100)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ModelVersion(SQLModel, table=True):
    """A model bundle that embeddings were made with."""

    __tablename__ = "model_version"

    version: str = Field(primary_key=True, max_length=64)
    path: str = Field(sa_type=Text)
    vector_size: int
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Embedding(SQLModel, table=True):
    """A photo's vector by one model version, with the category that the model believes.

    `vector` holds `vector_size` little-endian float16 numbers; the vector is of unit length before rounding.
    """

    __tablename__ = "embedding"

    model_version: str = Field(sa_column=Column(ForeignKey("model_version.version"), primary_key=True))
    photo_id: int = Field(sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True))
    vector: bytes = Field(sa_type=LargeBinary)
    category: str = Field(max_length=200)
    probability: float
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Event(SQLModel, table=True):
    """The change feed: photos whose points changed, in commit order. `photo_id` outlives the photo's row."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    operation: FeedOperation = Field(sa_column=Column(Text, nullable=False))
    photo_id: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class FeedCursor(SQLModel, table=True):
    """How far a collection has followed the change feed: events up to and with `seq` are applied and durable."""

    __tablename__ = "feed_cursor"

    collection: str = Field(primary_key=True, max_length=100)
    seq: int = Field(sa_type=BigInteger)
    payload_version: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))
    """What the collection's points carry, see `db.rows.feed.PAYLOAD_VERSION`."""
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Generation(SQLModel, table=True):
    """One physical build of the indexes for one model version."""

    __tablename__ = "generation"
    __table_args__ = (
        Index(
            "uq_generation_live",
            "state",
            unique=True,
            sqlite_where=text("state = 'live'"),
            postgresql_where=text("state = 'live'"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    model_version: str = Field(sa_column=Column(ForeignKey("model_version.version"), nullable=False))
    state: GenerationState = Field(sa_column=Column(Text, nullable=False), default=GenerationState.BUILDING)
    photos: int = 0
    forced: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=sql_false()))
    """Whether its quality was not asked about."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    promoted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RecallHour(SQLModel, table=True):
    """How many of the true neighbours the searches of one hour found, by plan and shape of filter."""

    __tablename__ = "recall_hour"

    generation_id: int = Field(sa_column=Column(ForeignKey("generation.id"), primary_key=True))
    plan: str = Field(primary_key=True, max_length=50)
    shape: str = Field(primary_key=True, max_length=100)
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    queries: int = 0
    wanted: int = 0
    found: int = 0


class DuplicatePair(SQLModel, table=True):
    """Photos of two listings that are copies: `identical` or `same photo edited`, see `ml.copies.verdicts`."""

    __tablename__ = "duplicate_pair"
    __table_args__ = (CheckConstraint("photo_id < other_photo_id", name="ck_duplicate_pair_order"),)

    photo_id: int = Field(sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True))
    other_photo_id: int = Field(
        sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True, index=True)
    )
    verdict: str = Field(max_length=20)
    score: float
    """The share of the picture that shows the same, 0 to 1."""
    model_version: str = Field(max_length=64)
    """Of the model by whose vectors one was found for the other."""
    found_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DuplicateSearch(SQLModel, table=True):
    """A photo whose copies were looked for, and the bytes that it had then."""

    __tablename__ = "duplicate_search"

    photo_id: int = Field(sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True))
    sha256: str = Field(max_length=64)
    searched_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DuplicateReview(SQLModel, table=True):
    """What somebody decided of two listings with a photo in common; it outlives the pairs of photos."""

    __tablename__ = "duplicate_review"
    __table_args__ = (CheckConstraint("listing_id < other_listing_id", name="ck_duplicate_review_order"),)

    listing_id: str = Field(sa_column=Column(ForeignKey("listing.id", ondelete="CASCADE"), primary_key=True))
    other_listing_id: str = Field(
        sa_column=Column(ForeignKey("listing.id", ondelete="CASCADE"), primary_key=True, index=True)
    )
    decision: str = Field(max_length=10)
    key_id: str | None = Field(default=None, max_length=16)
    decided_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
