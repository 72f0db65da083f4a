"""API keys, of which only hashes of the secrets are stored.

A secret has 256 random bits, so one HMAC is as safe as a slow hash: nobody can try that many secrets. Keys of earlier
versions have scrypt hashes, which are replaced at the first use of the key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from db.models import ApiKey, HashScheme, Role, utc_now

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

_PREFIX = "lk"
_COST, _BLOCK, _LANES = 2**14, 8, 5
"""Parameters of scrypt (n, r, p) in earlier versions: 16 MiB and 0.1 s per hash."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key without its secret. With `origins`, only pages of these may use it."""

    key_id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyHash:
    """What a presented secret is compared with."""

    hashed_with: HashScheme
    salt: bytes
    secret_hash: bytes

    @classmethod
    def of(cls, secret: str) -> KeyHash:
        """Hash a secret with a new salt."""
        salt = secrets.token_bytes(16)
        return cls(HashScheme.HMAC_SHA256, salt, _hmac(secret, salt))

    @property
    def is_slow(self) -> bool:
        """Whether a comparison takes 0.1 s."""
        return self.hashed_with is HashScheme.SCRYPT

    def matches(self, secret: str) -> bool:
        """Compare in constant time."""
        hashed = (_scrypt if self.is_slow else _hmac)(secret, self.salt)
        return hmac.compare_digest(hashed, self.secret_hash)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A valid key with the hash of its secret."""

    record: KeyRecord
    hash: KeyHash


def split_key(presented: str) -> tuple[str, str] | None:
    """Return the id and the secret of a key's full text, or None if it has another form."""
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    fits = prefix == _PREFIX and re.fullmatch(r"[A-Za-z0-9]{1,16}", key_id) and secret
    return (key_id, secret) if fits else None


def create_key(session: Session, name: str, role: Role, *, origins: Collection[str] = ()) -> str:
    """Insert a key and return its full text, which is shown only once: the secret is not stored."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    made = KeyHash.of(secret)
    session.add(
        ApiKey(
            id=key_id,
            name=name,
            role=role,
            salt=made.salt,
            secret_hash=made.secret_hash,
            hashed_with=made.hashed_with,
            origins=list(origins),
        )
    )
    return f"{_PREFIX}_{key_id}_{secret}"


def valid_keys(session: Session) -> dict[str, StoredKey]:
    """Return all keys that are not revoked, by id."""
    return {
        row.id: StoredKey(_record(row), KeyHash(HashScheme(row.hashed_with), row.salt, row.secret_hash))
        for row in session.exec(select(ApiKey).where(col(ApiKey.revoked_at).is_(None)))
    }


def replace_hash(session: Session, key_id: str, new: KeyHash) -> None:
    """Store another hash of the same secret."""
    row = session.get_one(ApiKey, key_id)
    row.hashed_with, row.salt, row.secret_hash = new.hashed_with, new.salt, new.secret_hash


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


def _hmac(secret: str, salt: bytes) -> bytes:
    return hmac.digest(salt, secret.encode("utf-8", "replace"), "sha256")


def _scrypt(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "replace"), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)


def _record(row: ApiKey) -> KeyRecord:
    return KeyRecord(row.id, row.name, Role(row.role), row.created_at, row.revoked_at, tuple(row.origins))
