"""Listings, their photos, and the embeddings of the photos."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import false as sql_false
from sqlmodel import Field, SQLModel

from db.models.columns import BigId, Money, UtcDateTime, utc_now


class PhotoState(StrEnum):
    """A photo's progress towards an embedding. The column is the work queue.

    A photo that many listings share is a placeholder and is set aside: see `db.rows.placeholders`.
    """

    PENDING = "pending"
    EMBEDDED = "embedded"
    FAILED = "failed"
    SET_ASIDE = "set_aside"


class Listing(SQLModel, table=True):
    """An item for sale. An incoming record with an equal `content_hash` changes nothing."""

    __tablename__ = "listing"
    __table_args__ = (
        Index(
            "ix_listing_copy_group",
            "copy_group",
            sqlite_where=text("copy_group IS NOT NULL"),
            postgresql_where=text("copy_group IS NOT NULL"),
        ),
    )

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
    """The marketplace's seller id; empty when unknown."""
    listed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """As the marketplace states it; None when unknown, and `created_at` is used instead."""
    flags: list[str] = Field(sa_column=Column(JSON, nullable=False), default_factory=list)
    url: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    """The listing's page in the shop; empty when unknown."""
    attributes: dict[str, str | float | bool] = Field(
        sa_column=Column(JSON, nullable=False, server_default="{}"), default_factory=dict
    )
    other_categories: list[list[str]] = Field(
        sa_column=Column(JSON, nullable=False, server_default="[]"), default_factory=list
    )
    sold: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=sql_false()))
    copy_group: str | None = Field(default=None, max_length=200)
    """The same text in all listings that reviews call the same item (`db.rows.copy_groups`); None in all others."""
    content_hash: str = Field(max_length=64)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class CategorySpelling(SQLModel, table=True):
    """How the last level of a category path was spelled first; `key` is the path without regard to case and blanks."""

    __tablename__ = "category_spelling"

    key: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)


class Photo(SQLModel, table=True):
    """One image of a listing. Its id is the point id in every index and is never reused."""

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
    original_sha256: str = Field(
        default="", sa_column=Column(String(64), nullable=False, index=True, server_default="")
    )
    """Of the bytes as they came, before metadata was removed; empty in rows of earlier versions."""
    format: str = Field(max_length=10)
    size_bytes: int
    width: int
    height: int
    perceptual_hash: str | None = Field(default=None, max_length=16)
    state: PhotoState = Field(sa_column=Column(Text, nullable=False), default=PhotoState.PENDING)
    attempts: int = 0
    job_id: str | None = Field(default=None, max_length=32)
    """The job that last queued the photo; None if a single REST change did."""
    lease_owner: str | None = Field(default=None, max_length=100)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, sa_type=Text)
    flags: list[str] = Field(sa_column=Column(JSON, nullable=False, server_default="[]"), default_factory=list)
    """What was doubtful when the photo was decoded, for example `incomplete_photo`."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class ModelVersion(SQLModel, table=True):
    """A model bundle that has embeddings."""

    __tablename__ = "model_version"

    version: str = Field(primary_key=True, max_length=64)
    path: str = Field(sa_type=Text)
    vector_size: int
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Embedding(SQLModel, table=True):
    """A photo's vector by one model version, with the category that the model predicts.

    `vector` holds `vector_size` little-endian float16 numbers, which are of unit length before rounding.
    """

    __tablename__ = "embedding"

    model_version: str = Field(sa_column=Column(ForeignKey("model_version.version"), primary_key=True))
    photo_id: int = Field(sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True))
    vector: bytes = Field(sa_type=LargeBinary)
    category: str = Field(max_length=200)
    probability: float
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
