"""Pairs of copied photos, which photos were searched for copies, and reviews of duplicate listings."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
)
from sqlmodel import Field, SQLModel

from db.models.columns import BigId, UtcDateTime, utc_now


class DuplicatePair(SQLModel, table=True):
    """Two photos of different listings that are copies: `identical` or `same photo edited` (`ml.copies.verdicts`)."""

    __tablename__ = "duplicate_pair"
    __table_args__ = (CheckConstraint("photo_id < other_photo_id", name="ck_duplicate_pair_order"),)

    photo_id: int = Field(sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True))
    other_photo_id: int = Field(
        sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True, index=True)
    )
    verdict: str = Field(max_length=20)
    score: float
    """Share of the picture that both photos show, 0 to 1."""
    model_version: str = Field(max_length=64)
    """The model whose vectors led to the pair."""
    found_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DuplicateSearch(SQLModel, table=True):
    """A photo whose copies were searched, with the SHA-256 of its bytes at that time."""

    __tablename__ = "duplicate_search"

    photo_id: int = Field(sa_column=Column(BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True))
    sha256: str = Field(max_length=64)
    searched_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DuplicateReview(SQLModel, table=True):
    """A reviewer's decision on two listings that share a photo. It outlives the pairs of photos."""

    __tablename__ = "duplicate_review"
    __table_args__ = (CheckConstraint("listing_id < other_listing_id", name="ck_duplicate_review_order"),)

    listing_id: str = Field(sa_column=Column(ForeignKey("listing.id", ondelete="CASCADE"), primary_key=True))
    other_listing_id: str = Field(
        sa_column=Column(ForeignKey("listing.id", ondelete="CASCADE"), primary_key=True, index=True)
    )
    decision: str = Field(max_length=10)
    key_id: str | None = Field(default=None, max_length=16)
    decided_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
