"""Alembic's entry point. Only `db.migrate` runs it, and passes its connection."""

from alembic import context
from sqlmodel import SQLModel

import db.models  # noqa: F401  (declares the tables)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite cannot alter most columns in place
)
with context.begin_transaction():
    context.run_migrations()
