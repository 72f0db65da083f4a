"""Query tokens and cursors: state that the client keeps between two calls.

Any process can answer the next call, and a search writes nothing. A token is MessagePack, signed (`services.signing`),
in URL-safe base64. It is not secret, but only this installation can make one: a forged token would name thousands of
photos to read, or vectors that no photo has.

msgspec encodes cursors as arrays. Issued cursors stay valid only while the order of the fields stays the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from db.rows.payloads import from_bytes
from services.errors import BadQuery
from services.search.query.keys import QuerySourceKey
from services.signing import InvalidSignature, Purpose, SignatureExpired
from services.wire import SearchFields  # noqa: TC001  (msgspec reads the annotations at run time)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from db.vectors.base import Vector
    from services.signing import Signer

MAX_TOKEN_LENGTH = 256 * 1024
"""Characters of a token. A cursor holds the request: a thousand excluded ids of 36 characters take 51,000."""

_HASH_BYTES = 8


class SearchOrigin(msgspec.Struct, array_like=True, frozen=True):
    """The model, index and plan behind the results; the same on every page."""

    model_version: str
    engine: str
    plan: str
    reason: str
    generation: int
    restricted_to: tuple[str, ...] = ()


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in the results of a query.

    Attributes:
        source_key: the query source.
        fields: the request, completed with the values that it takes from the source.
        origin: where the results came from.
        seen: hashes of the listings on the first page; empty from the second page on.
        frozen: the results not shown yet, in order (see `FrozenResults`); empty until the second page.
        frozen_sizes: how many listings each of them has; empty if each has one.
    """

    source_key: QuerySourceKey
    fields: SearchFields
    origin: SearchOrigin
    seen: bytes = b""
    frozen: bytes = b""
    frozen_sizes: bytes = b""


def listing_hashes(listing_ids: Iterable[str]) -> bytes:
    """Return the hashes of the listings, joined."""
    return b"".join(listing_hash(listing_id) for listing_id in listing_ids)


def listing_hash(listing_id: str) -> bytes:
    """Return an 8-byte hash of a listing id."""
    return hashlib.blake2b(listing_id.encode(errors="surrogatepass"), digest_size=_HASH_BYTES).digest()


def split_hashes(joined: bytes) -> frozenset[bytes]:
    """Return the hashes that `listing_hashes` joined."""
    return frozenset(joined[at : at + _HASH_BYTES] for at in range(0, len(joined), _HASH_BYTES))


def decode_vector(content: bytes) -> Vector:
    """Decode a query token's vector, which `db.rows.payloads.to_bytes` encoded; it has unit length.

    Raises:
        BadQuery: the bytes are no such vector.
    """
    if not content or len(content) % 2:
        raise invalid_token("query_token")
    norm = float(np.linalg.norm(np.frombuffer(content, "<f2").astype(np.float32)))
    if not 0.5 < norm < 2:
        raise invalid_token("query_token")
    return from_bytes(content)


class Tokens:
    """Issues and reads query tokens and cursors. Thread-safe."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def query_token(self, key: QuerySourceKey) -> str:
        """Return the query token of a source."""
        return self._text(Purpose.QUERY_TOKEN, msgspec.msgpack.encode(key))

    def cursor(self, cursor: Cursor) -> str:
        """Return a cursor as text.

        Raises:
            BadQuery: the request is too long for a cursor.
        """
        text = self._text(Purpose.CURSOR, msgspec.msgpack.encode(cursor))
        if len(text) > MAX_TOKEN_LENGTH:
            problem = f"would have {len(text):,} characters; the limit is {MAX_TOKEN_LENGTH:,}. Send shorter filters"
            raise BadQuery("cursor", problem)
        return text

    def read_query_token(self, text: str) -> QuerySourceKey:
        """Read a query token.

        Raises:
            BadQuery: this installation did not issue the text as a query token, or too long ago.
        """
        key: QuerySourceKey = self._read(Purpose.QUERY_TOKEN, text, _QUERY_TOKENS, "query_token")
        return key

    def read_cursor(self, text: str) -> Cursor:
        """Read a cursor.

        Raises:
            BadQuery: this installation did not issue the text as a cursor, or too long ago.
        """
        return self._read(Purpose.CURSOR, text, _CURSORS, "cursor")

    def _text(self, purpose: Purpose, content: bytes) -> str:
        return base64.urlsafe_b64encode(self._signer.sign(purpose, content)).decode().rstrip("=")

    def _read(self, purpose: Purpose, text: str, decoder: msgspec.msgpack.Decoder[_Decoded], field: str) -> _Decoded:
        try:
            return decoder.decode(self._signer.content(purpose, _signed(text)))
        except SignatureExpired as error:
            raise BadQuery(field, "has expired. Search again from the start.") from error
        except (InvalidSignature, msgspec.DecodeError) as error:  # an earlier release may have signed another structure
            raise invalid_token(field) from error


def invalid_token(field: str) -> BadQuery:
    """Return the error for a token or cursor that this service did not issue, or that is damaged."""
    return BadQuery(field, "is not valid or not complete. Copy it unchanged from an answer, or search again.")


_Decoded = TypeVar("_Decoded")

_QUERY_TOKENS: msgspec.msgpack.Decoder[QuerySourceKey] = msgspec.msgpack.Decoder(QuerySourceKey)
_CURSORS = msgspec.msgpack.Decoder(Cursor)


def _signed(text: str) -> bytes:
    """Return the bytes of a token.

    Raises:
        InvalidSignature: the text is too long, or not base64 in the one form in which it is issued.
    """
    if len(text) > MAX_TOKEN_LENGTH:
        raise InvalidSignature("too long")
    try:
        signed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSignature("not base64") from error
    if base64.urlsafe_b64encode(signed).decode().rstrip("=") != text:
        raise InvalidSignature("not the form in which tokens are issued")
    return signed
