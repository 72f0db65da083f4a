"""Adds pairs of copied photos, the search for them, and reviews of duplicate listings.

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_PHOTO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "duplicate_pair",
        sa.Column("photo_id", _PHOTO_ID, nullable=False),
        sa.Column("other_photo_id", _PHOTO_ID, nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("model_version", sa.String(length=64), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("photo_id < other_photo_id", name="ck_duplicate_pair_order"),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_photo_id"], ["photo.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("photo_id", "other_photo_id"),
    )
    op.create_index("ix_duplicate_pair_other_photo_id", "duplicate_pair", ["other_photo_id"])
    op.create_table(
        "duplicate_search",
        sa.Column("photo_id", _PHOTO_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("searched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("photo_id"),
    )
    op.create_table(
        "duplicate_review",
        sa.Column("listing_id", sa.String(length=200), nullable=False),
        sa.Column("other_listing_id", sa.String(length=200), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("listing_id < other_listing_id", name="ck_duplicate_review_order"),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_listing_id"], ["listing.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("listing_id", "other_listing_id"),
    )
    op.create_index("ix_duplicate_review_other_listing_id", "duplicate_review", ["other_listing_id"])


def downgrade() -> None:
    op.drop_table("duplicate_review")
    op.drop_table("duplicate_search")
    op.drop_table("duplicate_pair")
