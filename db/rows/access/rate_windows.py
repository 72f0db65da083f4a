"""How many requests each key has made in the present minute, over all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from db.models import RateWindow

if TYPE_CHECKING:
    from sqlmodel import Session


def take_from_window(session: Session, key_id: str, *, minute: int, want: int, limit: int) -> int:
    """Count up to `want` requests of a key against its `limit` per minute, and return how many were granted."""
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert
    new = insert(RateWindow).values(key_id=key_id, minute=minute, taken=0).on_conflict_do_nothing()
    session.execute(new)
    row = session.get_one(RateWindow, (key_id, minute), with_for_update=True)
    granted = max(0, min(want, limit - row.taken))
    row.taken += granted
    session.execute(delete(RateWindow).where(col(RateWindow.key_id) == key_id, col(RateWindow.minute) < minute))
    return granted
