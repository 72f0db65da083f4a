"""The change feed, its cursors, the generations of the indexes, and their measured recall."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Text,
    text,
)
from sqlalchemy import false as sql_false
from sqlmodel import Field, SQLModel

from db.models.columns import BigId, UtcDateTime, utc_now


class FeedOperation(StrEnum):
    """Operation of a change-feed event."""

    UPSERT = "upsert"
    DELETE = "delete"


class GenerationState(StrEnum):
    """Lifecycle of a generation. At most one is live. Previous ones can be promoted again until they are pruned."""

    BUILDING = "building"
    LIVE = "live"
    PREVIOUS = "previous"
    PRUNED = "pruned"
    FAILED = "failed"


class Event(SQLModel, table=True):
    """One entry of the change feed: a photo whose point changed, in commit order. `photo_id` outlives the photo."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    operation: FeedOperation = Field(sa_column=Column(Text, nullable=False))
    photo_id: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class FeedCursor(SQLModel, table=True):
    """A collection's position in the change feed: all events up to and including `seq` are durably applied."""

    __tablename__ = "feed_cursor"

    collection: str = Field(primary_key=True, max_length=100)
    seq: int = Field(sa_type=BigInteger)
    payload_version: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))
    """Version of the points' payload fields; see `db.rows.feed.PAYLOAD_VERSION`."""
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Generation(SQLModel, table=True):
    """One build of the indexes for one model version."""

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
    """Whether it was promoted without its quality checks."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    promoted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RecallHour(SQLModel, table=True):
    """Recall of one hour's searches, by plan and filter shape: true neighbours (`wanted`) and those `found`."""

    __tablename__ = "recall_hour"

    generation_id: int = Field(sa_column=Column(ForeignKey("generation.id"), primary_key=True))
    plan: str = Field(primary_key=True, max_length=50)
    shape: str = Field(primary_key=True, max_length=100)
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    queries: int = 0
    wanted: int = 0
    found: int = 0
