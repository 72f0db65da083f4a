"""Adds the builder of a generation, and whether its promotion was forced.

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("generation", sa.Column("builder", sa.Text(), nullable=True))
    op.add_column("generation", sa.Column("forced", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("generation", "forced")
    op.drop_column("generation", "builder")
