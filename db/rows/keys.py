"""API keys (hashed), signing keys, the audit log, and the requests of each key in the present minute."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from db.models import ApiKey, AuditEntry, RateWindow, Role, SigningKey, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_PREFIX = "lk"
_COST, _BLOCK, _LANES = 2**14, 8, 5
"""Parameters of scrypt (n, r, p): 16 MiB and 0.1 s per hash (OWASP password storage cheat sheet, 2024)."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key without its secret."""

    key_id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SigningKeyRecord:
    """A secret that signs query tokens, cursors and photo URLs."""

    key_id: int
    secret: bytes
    created_at: datetime


def create_key(session: Session, name: str, role: Role) -> str:
    """Insert a key and return its full text, which is shown only once: the secret is not stored."""
    key_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_bytes(16)
    session.add(ApiKey(id=key_id, name=name, role=role, salt=salt, secret_hash=_hashed(secret, salt)))
    return f"{_PREFIX}_{key_id}_{secret}"


def verify_key(session: Session, presented: str) -> KeyRecord | None:
    """Return the record of a presented key, or None if it is unknown or revoked. Hashing takes 0.1 s."""
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    row = session.get(ApiKey, key_id) if prefix == _PREFIX and key_id.isalnum() else None
    if row is None or row.revoked_at is not None:
        return None
    return _record(row) if hmac.compare_digest(_hashed(secret, row.salt), row.secret_hash) else None


def revoke_key(session: Session, key_id: str) -> bool:
    """Revoke a key, and return whether there was a valid key with this id."""
    row = session.get(ApiKey, key_id)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = utc_now()
    return True


def any_key(session: Session) -> bool:
    """Say whether any key was ever created. From then on, every request needs a key."""
    return session.exec(select(ApiKey.id).limit(1)).first() is not None


def all_keys(session: Session) -> Sequence[KeyRecord]:
    """Return all keys, oldest first."""
    return [_record(row) for row in session.exec(select(ApiKey).order_by(col(ApiKey.created_at)))]


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


def begin_audit(session: Session, *, key_id: str | None, method: str, path: str, request_id: str) -> int:
    """Record that a request starts, and return the id of its audit entry."""
    entry = AuditEntry(key_id=key_id, method=method, path=path, request_id=request_id)
    session.add(entry)
    session.flush()
    assert entry.id is not None, "a row that was flushed has an id"
    return entry.id


def end_audit(session: Session, entry_id: int, *, status: int) -> None:
    """Record the response's HTTP status."""
    session.get_one(AuditEntry, entry_id).status = status


def newest_audit_entries(session: Session, *, limit: int) -> Sequence[AuditEntry]:
    """Return up to `limit` audit entries, newest first."""
    return session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)).all()


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


def _hashed(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "replace"), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)


def _record(row: ApiKey) -> KeyRecord:
    return KeyRecord(row.id, row.name, Role(row.role), row.created_at, row.revoked_at)
