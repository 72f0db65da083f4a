"""Query tokens and cursors: what the server would have to remember between two calls, kept by the client instead.

So any process can answer the next call, none of them writes anything for a search, and nothing expires. They are text:
MessagePack, then four bytes that tell a damaged one, in URL-safe base64. They are not secret and not signed: one that
somebody makes up can ask for nothing that a search could not, since filters are applied again when results are read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from db.rows.payloads import from_bytes
from services.errors import BadQuery
from services.wire import SearchFields, Strategy  # noqa: TC001  (msgspec reads the annotations at run time)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from db.vectors.base import Vector

_CHECK_BYTES = 4
_LONGEST = 64 * 1024
_STEPS = 2**16 - 1
"""Cosines are kept in steps of 3e-5."""


class PhotoSubject(msgspec.Struct, array_like=True, tag="v", frozen=True):
    """A photo, or a part of one, that was embedded for an earlier query.

    Attributes:
        model_version: what embedded it.
        vector: little-endian float16.
        kept_as: where the whole photo may be found again: see `query_photos`, or the id of a stored photo.
        beliefs: the likeliest categories, with their probabilities.
        listing_id: the listing that the photo is of, if it is a stored one.
    """

    model_version: str
    vector: bytes
    kept_as: str | int
    beliefs: tuple[tuple[str, float], ...] = ()
    listing_id: str | None = None


class ListingSubject(msgspec.Struct, array_like=True, tag="l", frozen=True):
    """A listing, by all its photos."""

    listing_id: str


class StoredPhotoSubject(msgspec.Struct, array_like=True, tag="p", frozen=True):
    """One photo of a listing."""

    photo_id: int


LIKED_AT_MOST = 100
"""Listings that a taste may name."""


class TasteWrong(ValueError):
    """A taste that makes no sense: the field of it, and what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem


class TasteSubject(msgspec.Struct, array_like=True, tag="r", frozen=True):
    """What a buyer liked and what not; see `wire.Recommendation`. `query` is liked as well.

    Raises:
        TasteWrong: nothing is liked, too much is named, something twice over, or weights do not fit.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...] = ()
    positive_weights: tuple[float, ...] = ()
    negative_weights: tuple[float, ...] = ()
    strategy: Strategy = "average"
    query: PhotoSubject | ListingSubject | StoredPhotoSubject | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense, also where somebody made up a token of it."""
        if not self.positive and self.query is None:
            raise TasteWrong("positive", "name at least one listing that is liked, or give a `query_token`")
        if len(self.positive) + len(self.negative) > LIKED_AT_MOST:
            raise TasteWrong("positive", f"name at most {LIKED_AT_MOST} listings, those of `negative` included")
        if both := sorted({*self.positive} & {*self.negative}):
            raise TasteWrong("negative", f"names {both[0]!r}, which is liked as well")
        self._check_weights("positive", self.positive, self.positive_weights)
        self._check_weights("negative", self.negative, self.negative_weights)

    def _check_weights(self, name: str, named: tuple[str, ...], weights: tuple[float, ...]) -> None:
        if weights and self.strategy != "average":
            raise TasteWrong(f"{name}_weights", "belong to the strategy `average`")
        if weights and (len(weights) != len(named) or not all(isfinite(one) and one > 0 for one in weights)):
            raise TasteWrong(f"{name}_weights", f"give one number above 0 for each of `{name}`")


QuerySourceKey = PhotoSubject | ListingSubject | StoredPhotoSubject | TasteSubject


class SearchOrigin(msgspec.Struct, array_like=True, frozen=True):
    """Where results came from; it stays the same for a whole walk through them."""

    model_version: str
    engine: str
    plan: str
    reason: str
    generation: int
    restricted_to: tuple[str, ...] = ()


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """A walk through the results of a query.

    Attributes:
        subject: what is searched by.
        fields: the query.
        found: where the results came from.
        seen: hashes of the listings shown so far, while nothing is frozen.
        rest: the results not yet shown, in their order: see `Frozen`; empty until the second page.
    """

    subject: QuerySourceKey
    fields: SearchFields
    found: SearchOrigin
    seen: bytes = b""
    rest: bytes = b""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Results in the order in which they will be shown, whatever changes: photo ids and cosines, shape (n,)."""

    photo_ids: NDArray[np.int64]
    cosines: NDArray[np.float64]

    def after(self, count: int) -> Frozen:
        """Return what comes after the first `count`."""
        return Frozen(self.photo_ids[count:], self.cosines[count:])

    def packed(self) -> bytes:
        """Return some 5 bytes for each result."""
        steps = np.rint((np.clip(self.cosines, -1, 1) + 1) / 2 * _STEPS).astype("<u2")
        return zlib.compress(self.photo_ids.astype("<i8").tobytes() + steps.tobytes(), 9)

    @classmethod
    def of(cls, found: Sequence[tuple[int, float]]) -> Frozen:
        """Return photo ids with their cosines as they are kept."""
        return cls(np.array([one for one, _ in found], dtype=np.int64), np.array([cosine for _, cosine in found]))

    @classmethod
    def unpacked(cls, content: bytes) -> Frozen:
        """Return what `packed` was called on.

        Raises:
            BadQuery: it was not made by `packed`.
        """
        try:
            decompressor = zlib.decompressobj()
            raw = decompressor.decompress(content, _LONGEST)
            count, rest = divmod(len(raw), 10)
        except zlib.error as error:
            raise _damaged("cursor") from error
        if rest or decompressor.unconsumed_tail:
            raise _damaged("cursor")
        photo_ids = np.frombuffer(raw[: 8 * count], "<i8").astype(np.int64)
        steps = np.frombuffer(raw[8 * count :], "<u2").astype(np.float64)
        return cls(photo_ids, steps / _STEPS * 2 - 1)


def seen_hashes(listing_ids: Iterable[str]) -> bytes:
    """Return 8 bytes for each listing."""
    return b"".join(listing_hash(listing_id) for listing_id in listing_ids)


def listing_hash(listing_id: str) -> bytes:
    """Return 8 bytes that stand for a listing."""
    return hashlib.blake2b(listing_id.encode(errors="surrogatepass"), digest_size=8).digest()


def unpack_hashes(seen: bytes) -> frozenset[bytes]:
    """Return the hashes that `seen_hashes` joined."""
    return frozenset(seen[at : at + 8] for at in range(0, len(seen), 8))


def decode_vector(content: bytes, field: str) -> Vector:
    """Return the vector at unit length that `db.rows.payloads.to_bytes` was called on.

    Raises:
        BadQuery: it is not one.
    """
    if not content or len(content) % 2:
        raise _damaged(field)
    norm = float(np.linalg.norm(np.frombuffer(content, "<f2").astype(np.float32)))
    if not 0.5 < norm < 2:
        raise _damaged(field)
    return from_bytes(content)


def encode(value: QuerySourceKey | Cursor) -> str:
    """Return a token or a cursor as text."""
    content = msgspec.msgpack.encode(value)
    return base64.urlsafe_b64encode(content + _check(content)).decode().rstrip("=")


def decode_subject(text: str) -> QuerySourceKey:
    """Return what a query token stands for.

    Raises:
        BadQuery: it is none, or not whole.
    """
    subject: QuerySourceKey = _decode(text, msgspec.msgpack.Decoder(QuerySourceKey), "query_token")
    return subject


def decode_cursor(text: str) -> Cursor:
    """Return what a cursor stands for.

    Raises:
        BadQuery: it is none, or not whole.
    """
    return _decode(text, msgspec.msgpack.Decoder(Cursor), "cursor")


_Decoded = TypeVar("_Decoded")


def _decode(text: str, decoder: msgspec.msgpack.Decoder[_Decoded], field: str) -> _Decoded:
    if len(text) > _LONGEST:
        raise _damaged(field)
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _damaged(field) from error
    if _check(content[:-_CHECK_BYTES]) != content[-_CHECK_BYTES:]:
        raise _damaged(field)
    try:
        return decoder.decode(content[:-_CHECK_BYTES])
    except msgspec.DecodeError as error:
        raise _damaged(field) from error


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES).digest()


def _damaged(field: str) -> BadQuery:
    return BadQuery(field, "is not one of ours, or not whole. Copy it from the answer as it is, or search again.")
