"""Adds warnings of jobs, attributes, addresses and further categories of listings, and hashes of original photos.

Revision: 0011
Follows: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "category_spelling",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "warning",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("flag", sa.String(length=50), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_warning_job_id", "warning", ["job_id"])
    op.add_column("listing", sa.Column("url", sa.Text(), server_default="", nullable=False))
    op.add_column("listing", sa.Column("attributes", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("listing", sa.Column("other_categories", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("listing", sa.Column("sold", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("photo", sa.Column("original_sha256", sa.String(length=64), server_default="", nullable=False))
    op.add_column("photo", sa.Column("flags", sa.JSON(), server_default="[]", nullable=False))
    op.create_index("ix_photo_original_sha256", "photo", ["original_sha256"])


def downgrade() -> None:
    op.drop_index("ix_photo_original_sha256", "photo")
    op.drop_column("photo", "flags")
    op.drop_column("photo", "original_sha256")
    for column in ("sold", "other_categories", "attributes", "url"):
        op.drop_column("listing", column)
    op.drop_table("warning")
    op.drop_table("category_spelling")
