"""Adds progress, cancelling and idempotency keys to jobs.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("progress", sa.JSON(), nullable=True))
    op.add_column("job", sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("job", sa.Column("idempotency_key", sa.String(length=255), nullable=True))
    op.create_index("uq_job_idempotency_key", "job", ["idempotency_key"], unique=True)
    op.create_index("ix_job_created_at_id", "job", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_job_created_at_id", table_name="job")
    op.drop_index("uq_job_idempotency_key", table_name="job")
    for column in ("idempotency_key", "cancel_requested", "progress"):
        op.drop_column("job", column)
