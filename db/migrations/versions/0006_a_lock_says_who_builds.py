"""Drops the builder of a generation: a lock replaces it.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("generation", "builder")


def downgrade() -> None:
    op.add_column("generation", sa.Column("builder", sa.Text(), nullable=True))
