"""Query tokens and cursors: what the client keeps between two calls."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.payloads import to_bytes
from services.errors import BadQuery
from services.search.query.frozen_results import FrozenResults
from services.search.query.keys import ListingKey, PhotoKey, RecommendationKey, StoredPhotoKey
from services.search.query.tokens import (
    Cursor,
    SearchOrigin,
    decode_cursor,
    decode_query_token,
    decode_vector,
    encode,
    listing_hash,
    listing_hashes,
    split_hashes,
)
from services.wire import SearchFields

if TYPE_CHECKING:
    from services.search.query.keys import QuerySourceKey

VECTOR = np.full(256, 1 / 16, dtype=np.float32)
KEYS: list[QuerySourceKey] = [
    PhotoKey("model", to_bytes(VECTOR), "key", (("Phones", 0.9),), "lamp-1"),
    ListingKey("lamp 1 / ü"),
    StoredPhotoKey(7),
    RecommendationKey(("a", "b"), ("c",), (1.0, 2.0), (), "average"),
]
CURSOR = Cursor(
    ListingKey("lamp"),
    SearchFields(k=3, category=["Phones"]),
    SearchOrigin("m", "faiss", "faiss ivf", "", 4),
    b"12345678",
)

ISSUED_TOKENS: dict[str, QuerySourceKey] = {
    "lqF2pW1vZGVsxAgAOAA4ADgAOKNrZXmRkqZQaG9uZXPLP-zMzMzMzM2mbGFtcC0xpkr4BQ": PhotoKey(
        "model", to_bytes(np.full(4, 0.5, dtype=np.float32)), "key", (("Phones", 0.9),), "lamp-1"
    ),
    "kqFsq2xhbXAgMSAvIMO840Ey-Q": ListingKey("lamp 1 / ü"),
    "kqFwB9t8XyU": StoredPhotoKey(7),
    "l6FykqFhoWKRoWOSyz_wAAAAAAAAy0AAAAAAAAAAkKdhdmVyYWdlkqFwB4YMdpg": RecommendationKey(
        ("a", "b"), ("c",), (1.0, 2.0), (), "average", StoredPhotoKey(7)
    ),
}
ISSUED_CURSOR = (
    "lZKhbKRsYW1w3gADoWsDqGNhdGVnb3J5kaZQaG9uZXOsbWF4X2FnZV9kYXlzy0A-AAAAAAAAlqFtpWZhaXNzqWZhaXNzIGl2ZqN3aHkEkaZQaG9uZXPE"
    "CDEyMzQ1Njc4xA142mNkgID_-wEC0QHAJ_zu0Q"
)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: type(key).__name__)
def test_a_token_decodes_to_the_key_it_was_made_of(key: QuerySourceKey) -> None:
    assert decode_query_token(encode(key)) == key


@pytest.mark.parametrize(("token", "key"), ISSUED_TOKENS.items(), ids=lambda part: type(part).__name__)
def test_decodes_a_token_issued_by_an_earlier_release(token: str, key: QuerySourceKey) -> None:
    assert decode_query_token(token) == key
    assert encode(key) == token


def test_a_cursor_decodes_to_itself() -> None:
    assert decode_cursor(encode(CURSOR)) == CURSOR


def test_decodes_a_cursor_issued_by_an_earlier_release() -> None:
    cursor = decode_cursor(ISSUED_CURSOR)
    assert cursor.source_key == ListingKey("lamp")
    assert cursor.fields == SearchFields(k=3, category=["Phones"], max_age_days=30.0)
    assert cursor.origin == SearchOrigin("m", "faiss", "faiss ivf", "why", 4, ("Phones",))
    assert cursor.seen == b"12345678"
    assert FrozenResults.unpacked(cursor.frozen).photo_ids.tolist() == [1]


@pytest.mark.parametrize(
    "text",
    ["", "x", "not base64 at all!", encode(CURSOR)[:-1], encode(CURSOR)[1:], "A" * 100_000, encode(KEYS[0]), "é"],
    ids=["empty", "short", "text", "end missing", "start missing", "too long", "a token", "not ASCII"],
)
def test_rejects_a_damaged_cursor_and_names_the_field(text: str) -> None:
    with pytest.raises(BadQuery, match="cursor: is not valid or not complete"):
        decode_cursor(text)


@given(st.binary(max_size=200))
def test_rejects_random_bytes_as_a_token(content: bytes) -> None:
    with pytest.raises(BadQuery):
        decode_query_token(base64.urlsafe_b64encode(content).decode())


@pytest.mark.parametrize("content", [b"", b"\1", b"\0" * 512, b"\xff" * 512], ids=["none", "odd", "zeros", "NaN"])
def test_rejects_a_vector_without_a_direction(content: bytes) -> None:
    with pytest.raises(BadQuery):
        decode_vector(content)


def test_decodes_a_vector_to_unit_length() -> None:
    decoded = decode_vector(to_bytes(VECTOR))
    assert np.linalg.norm(decoded) == pytest.approx(1, abs=1e-6)
    assert float(decoded @ VECTOR) == pytest.approx(1, abs=1e-6)


def test_recognises_listings_by_their_hashes() -> None:
    hashes = split_hashes(listing_hashes(["a", "b"]))
    assert listing_hash("a") in hashes
    assert listing_hash("c") not in hashes
