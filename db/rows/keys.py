"""API keys in the truth, hashed; what was done with them; and how much of it in the present minute."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from db.models import ApiKey, AuditEntry, RateWindow, Role, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_PREFIX = "lk"
_COST, _BLOCK, _LANES = 2**14, 8, 5
"""Of scrypt: 16 MiB and a tenth of a second (OWASP's password storage cheat sheet, 2024)."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key, without its secret."""

    key_id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


def create_key(session: Session, name: str, role: Role) -> str:
    """Add a key and return it as its holder has to present it. It cannot be read again."""
    key_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_bytes(16)
    session.add(ApiKey(id=key_id, name=name, role=role, salt=salt, secret_hash=_hashed(secret, salt)))
    return f"{_PREFIX}_{key_id}_{secret}"


def verify_key(session: Session, presented: str) -> KeyRecord | None:
    """Return the key that is presented, or None where it is none of ours or was revoked. Takes a tenth of a second."""
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    row = session.get(ApiKey, key_id) if prefix == _PREFIX and key_id.isalnum() else None
    if row is None or row.revoked_at is not None:
        return None
    return _record(row) if hmac.compare_digest(_hashed(secret, row.salt), row.secret_hash) else None


def revoke_key(session: Session, key_id: str) -> bool:
    """Make a key worthless, and return whether there was one of this id that was not so yet."""
    row = session.get(ApiKey, key_id)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = utc_now()
    return True


def any_key(session: Session) -> bool:
    """Say whether a key was ever created: from then on one has to be presented."""
    return session.exec(select(ApiKey.id).limit(1)).first() is not None


def all_keys(session: Session) -> Sequence[KeyRecord]:
    """Return every key, the oldest first."""
    return [_record(row) for row in session.exec(select(ApiKey).order_by(col(ApiKey.created_at)))]


def begin_audit(session: Session, *, key_id: str | None, method: str, path: str, request_id: str) -> int:
    """Record that something is about to be done, and return the entry's id."""
    entry = AuditEntry(key_id=key_id, method=method, path=path, request_id=request_id)
    session.add(entry)
    session.flush()
    assert entry.id is not None, "a row that was flushed has an id"
    return entry.id


def end_audit(session: Session, entry_id: int, *, status: int) -> None:
    """Record how it was answered."""
    session.get_one(AuditEntry, entry_id).status = status


def newest_audit_entries(session: Session, *, limit: int) -> Sequence[AuditEntry]:
    """Return up to `limit` entries, newest first."""
    return session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)).all()


def take_from_window(session: Session, key_id: str, *, minute: int, want: int, limit: int) -> int:
    """Return how many of the `want` requests a key may still make in this minute, of `limit`; they are counted."""
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert
    new = insert(RateWindow).values(key_id=key_id, minute=minute, taken=0).on_conflict_do_nothing()
    session.execute(new)
    row = session.get_one(RateWindow, (key_id, minute), with_for_update=True)
    granted = max(0, min(want, limit - row.taken))
    row.taken += granted
    session.execute(delete(RateWindow).where(col(RateWindow.key_id) == key_id, col(RateWindow.minute) < minute))
    return granted


def _hashed(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "replace"), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)


def _record(row: ApiKey) -> KeyRecord:
    return KeyRecord(row.id, row.name, Role(row.role), row.created_at, row.revoked_at)
