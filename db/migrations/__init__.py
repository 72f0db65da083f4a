"""Alembic's migrations, which `db.migrate` runs.

Nothing else may import them.
"""
