"""Adds hash schemes and origins of keys, and callers, resources and numbers of calls of the audit log.

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("hashed_with", sa.Text(), server_default="scrypt", nullable=False))
    op.add_column("api_key", sa.Column("origins", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("audit_entry", sa.Column("caller", sa.Text(), nullable=True))
    op.add_column("audit_entry", sa.Column("resource", sa.Text(), nullable=True))
    op.add_column("audit_entry", sa.Column("calls", sa.Integer(), server_default=sa.text("1"), nullable=False))


def downgrade() -> None:
    for column in ("calls", "resource", "caller"):
        op.drop_column("audit_entry", column)
    for column in ("origins", "hashed_with"):
        op.drop_column("api_key", column)
