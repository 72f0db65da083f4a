"""Adds the job that queued a photo.

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("photo", sa.Column("job_id", sa.String(length=32), nullable=True))
    op.create_index("ix_photo_job_state", "photo", ["job_id", "state"])


def downgrade() -> None:
    op.drop_index("ix_photo_job_state", table_name="photo")
    op.drop_column("photo", "job_id")
