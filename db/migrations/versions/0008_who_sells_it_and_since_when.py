"""Adds the seller and listing time to listings, and the payload version to feed cursors.

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listing", sa.Column("seller", sa.Text(), server_default="", nullable=False))
    op.add_column("listing", sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "feed_cursor", sa.Column("payload_version", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("feed_cursor", "payload_version")
    op.drop_column("listing", "listed_at")
    op.drop_column("listing", "seller")
