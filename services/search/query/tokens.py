"""Query tokens and cursors: state that the client keeps between two calls.

Any process can answer the next call, a search writes nothing, and nothing expires. A token is MessagePack followed by a
four-byte checksum, in URL-safe base64. It is neither secret nor signed: a forged token can ask for nothing that a
search could not, because filters are applied again when results are read.

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
from services.wire import SearchFields  # noqa: TC001  (msgspec reads the annotations at run time)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from db.vectors.base import Vector

MAX_TOKEN_BYTES = 64 * 1024
_CHECKSUM_BYTES = 4
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
    """

    source_key: QuerySourceKey
    fields: SearchFields
    origin: SearchOrigin
    seen: bytes = b""
    frozen: bytes = b""


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


def encode(value: QuerySourceKey | Cursor) -> str:
    """Encode a query token or a cursor as text."""
    content = msgspec.msgpack.encode(value)
    return base64.urlsafe_b64encode(content + _checksum(content)).decode().rstrip("=")


def decode_query_token(text: str) -> QuerySourceKey:
    """Decode a query token.

    Raises:
        BadQuery: the text is no complete query token.
    """
    key: QuerySourceKey = _decode(text, msgspec.msgpack.Decoder(QuerySourceKey), "query_token")
    return key


def decode_cursor(text: str) -> Cursor:
    """Decode a cursor.

    Raises:
        BadQuery: the text is no complete cursor.
    """
    return _decode(text, msgspec.msgpack.Decoder(Cursor), "cursor")


def invalid_token(field: str) -> BadQuery:
    """Return the error for a token or cursor that this service did not issue, or that is damaged."""
    return BadQuery(field, "is not valid or not complete. Copy it unchanged from an answer, or search again.")


_Decoded = TypeVar("_Decoded")


def _decode(text: str, decoder: msgspec.msgpack.Decoder[_Decoded], field: str) -> _Decoded:
    if len(text) > MAX_TOKEN_BYTES:
        raise invalid_token(field)
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_token(field) from error
    if _checksum(content[:-_CHECKSUM_BYTES]) != content[-_CHECKSUM_BYTES:]:
        raise invalid_token(field)
    try:
        return decoder.decode(content[:-_CHECKSUM_BYTES])
    except msgspec.DecodeError as error:
        raise invalid_token(field) from error


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).digest()
