"""Limits of a record. They bound the memory used while looking for the end of a record."""

from __future__ import annotations

RECORD_LIMIT = 1 << 20
"""Characters in a record."""

LINE_LIMIT = 2000
"""Lines in a record."""
