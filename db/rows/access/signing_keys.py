"""The secrets that sign query tokens, cursors and photo URLs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlmodel import Session, col, select

from db.models import SigningKey

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class SigningKeyRecord:
    """A secret that signs query tokens, cursors and photo URLs."""

    key_id: int
    secret: bytes
    created_at: datetime


def signing_keys(session: Session) -> list[SigningKeyRecord]:
    """Return all signing keys, oldest first."""
    rows = session.exec(select(SigningKey).order_by(col(SigningKey.id)))
    return [SigningKeyRecord(row.id, row.secret, row.created_at) for row in rows if row.id is not None]


def add_signing_key(session: Session, secret: bytes, *, created_at: datetime, replaced_before: datetime) -> None:
    """Insert a signing key, and delete each key whose successor was made before `replaced_before`."""
    known = signing_keys(session)
    unused = [earlier.key_id for earlier, later in pairwise(known) if later.created_at < replaced_before]
    session.execute(delete(SigningKey).where(col(SigningKey.id).in_(unused)))
    session.add(SigningKey(secret=secret, created_at=created_at))


def remove_signing_keys(session: Session) -> None:
    """Remove all signing keys, so that nothing that they signed is accepted any more."""
    session.execute(delete(SigningKey))
