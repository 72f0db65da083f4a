"""Adds an index of leases by owner: only few of all photos are leased.

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    leased = sa.text("lease_owner IS NOT NULL")
    op.create_index("ix_photo_lease_owner", "photo", ["lease_owner"], sqlite_where=leased, postgresql_where=leased)


def downgrade() -> None:
    op.drop_index("ix_photo_lease_owner", "photo")
