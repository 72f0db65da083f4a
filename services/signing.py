"""Signs what clients keep and send back: query tokens, cursors, and URLs of photos and reports.

Keys lie in SQL, so every process of an installation accepts what another one signed. A new key is made when there is
none, and every 30 days; the key before is accepted until all that it signed has expired.

    key id (4 bytes) | expiry, seconds since 1970 (4 bytes) | content | HMAC-SHA-256 of all before, cut to 16 bytes
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from db.locks import hold_lock
from db.rows.access import signing_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from db.rows.access.signing_keys import SigningKeyRecord
    from db.session import Database

_HEAD = struct.Struct(">II")
_MAC_BYTES = 16
"""128 bits: RFC 2104 asks for at least half of the hash."""

_SECRET_BYTES = 32

_LOCK = "signing key"

_DAY_S = 24 * 60 * 60
_ROTATED_AFTER_S = 30 * _DAY_S
_REREAD_AFTER_S = 60.0
_SIGNS_AFTER_S = 5 * 60.0
"""Age at which a further key begins to sign: by then every process has read it."""


class Purpose(Enum):
    """What a signature is for. One for another purpose is not valid.

    The value is the purpose's byte in the signed text, its lifetime in seconds and the step of its expiry: within a
    step, equal content gets an equal signature, so clients can cache what a signed URL leads to.
    """

    QUERY_TOKEN = (b"q", 30 * _DAY_S, _DAY_S)
    CURSOR = (b"c", _DAY_S, 60 * 60)
    PHOTO = (b"p", _DAY_S, _DAY_S)
    REPORT = (b"r", 5 * 60, 60)

    @property
    def longest_s(self) -> int:
        """Seconds after which nothing that was signed for this purpose is valid."""
        _, lifetime_s, step_s = self.value
        return lifetime_s + step_s


_LONGEST_S = max(purpose.longest_s for purpose in Purpose)


class InvalidSignature(ValueError):
    """No key of this installation signed these bytes for this purpose."""


class SignatureExpired(InvalidSignature):
    """The signature is genuine, but too old."""


@dataclass(frozen=True, slots=True)
class _KeyRing:
    """The keys at one moment; `read_at` is a time of the monotonic clock."""

    secrets: Mapping[int, bytes]
    signing: int
    read_at: float


class Signer:
    """Signs and verifies bytes. Thread-safe.

    Args:
        database: where the keys are.
        clock: seconds since 1970, replaced in tests.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self._ring: _KeyRing | None = None
        self._reading = threading.Lock()

    def sign(self, purpose: Purpose, content: bytes) -> bytes:
        """Return the content with a head and a signature."""
        ring = self._keys()
        _, lifetime_s, step_s = purpose.value
        expires = (int(self._clock()) + lifetime_s) // step_s * step_s + step_s
        signed = _HEAD.pack(ring.signing, expires) + content
        return signed + _mac(ring.secrets[ring.signing], purpose, signed)

    def content(self, purpose: Purpose, signed: bytes) -> bytes:
        """Return the content of what `sign` returned for this purpose.

        Raises:
            SignatureExpired: it was signed too long ago.
            InvalidSignature: it was not signed here, for another purpose, or changed since.
        """
        if len(signed) < _HEAD.size + _MAC_BYTES:
            raise InvalidSignature("too short")
        body, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
        key_id, expires = _HEAD.unpack_from(body)
        secret = self._keys().secrets.get(key_id)
        if secret is None or not hmac.compare_digest(mac, _mac(secret, purpose, body)):
            raise InvalidSignature("not signed by this installation")
        if expires <= self._clock():
            raise SignatureExpired("expired")
        return body[_HEAD.size :]

    def signature(self, purpose: Purpose, content: bytes) -> str:
        """Return head and signature as URL-safe base64, for content that travels beside them."""
        signed = self.sign(purpose, content)
        return base64.urlsafe_b64encode(signed[: _HEAD.size] + signed[-_MAC_BYTES:]).decode()

    def check_signature(self, purpose: Purpose, content: bytes, signature: str) -> None:
        """Check what `signature` returned.

        Raises:
            SignatureExpired: it was signed too long ago.
            InvalidSignature: it is not the signature of this content, for this purpose, by this installation.
        """
        try:
            parts = base64.b64decode(signature, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidSignature("not base64") from error
        if len(parts) != _HEAD.size + _MAC_BYTES:
            raise InvalidSignature("not as long as a signature")
        self.content(purpose, parts[: _HEAD.size] + content + parts[_HEAD.size :])

    def refresh(self) -> None:
        """Read the keys, so that for the next minute neither signing nor checking needs the database.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        with self._reading:
            self._ring = self._read()

    def replace_keys(self) -> None:
        """Replace all keys by a new one: nothing signed so far is accepted, by other processes within a minute."""
        with hold_lock(self._database, _LOCK), self._database.write() as session:
            signing_keys.remove_signing_keys(session)
        self.refresh()

    def _keys(self) -> _KeyRing:
        """Return the keys, read again each minute; an unknown key id costs no query."""
        ring = self._ring
        if ring is not None and time.monotonic() - ring.read_at < _REREAD_AFTER_S:
            return ring
        with self._reading:
            if self._ring is ring:
                self._ring = self._read()
            assert self._ring is not None, "it was just read"
            return self._ring

    def _read(self) -> _KeyRing:
        stored = self._stored()
        if self._needs_key(stored):
            with hold_lock(self._database, _LOCK):  # only one of several processes makes it
                stored = self._stored()
                if self._needs_key(stored):
                    self._add_key()
                    stored = self._stored()
        now = self._clock()
        ready = [key for key in stored if key.created_at.timestamp() + _SIGNS_AFTER_S <= now]
        return _KeyRing({key.key_id: key.secret for key in stored}, (ready or stored[:1])[-1].key_id, time.monotonic())

    def _stored(self) -> Sequence[SigningKeyRecord]:
        with self._database.read() as session:
            return signing_keys.signing_keys(session)

    def _needs_key(self, stored: Sequence[SigningKeyRecord]) -> bool:
        return not stored or stored[-1].created_at.timestamp() + _ROTATED_AFTER_S <= self._clock()

    def _add_key(self) -> None:
        now = datetime.fromtimestamp(self._clock(), UTC)
        kept_since = now - timedelta(seconds=_LONGEST_S + _SIGNS_AFTER_S)
        with self._database.write() as session:
            secret = secrets.token_bytes(_SECRET_BYTES)
            signing_keys.add_signing_key(session, secret, created_at=now, replaced_before=kept_since)


def _mac(secret: bytes, purpose: Purpose, signed: bytes) -> bytes:
    return hmac.digest(secret, purpose.value[0] + signed, hashlib.sha256)[:_MAC_BYTES]
