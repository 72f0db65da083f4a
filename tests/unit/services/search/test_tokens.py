"""Query tokens and cursors: what the client keeps between two calls."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.payloads import to_bytes
from services.errors import BadQuery
from services.search.query.keys import ListingKey, PhotoKey, RecommendationKey, StoredPhotoKey
from services.search.query.tokens import (
    Cursor,
    SearchOrigin,
    Tokens,
    decode_vector,
    listing_hash,
    listing_hashes,
    split_hashes,
)
from services.wire import SearchFields
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    with resources_in(tmp_path_factory.mktemp("tokens") / "data") as resources:
        yield Tokens(resources.signer)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: type(key).__name__)
def test_a_token_is_read_as_the_key_it_was_made_of(tokens: Tokens, key: QuerySourceKey) -> None:
    assert tokens.read_query_token(tokens.query_token(key)) == key


def test_a_cursor_is_read_as_itself(tokens: Tokens) -> None:
    assert tokens.read_cursor(tokens.cursor(CURSOR)) == CURSOR


def test_a_cursor_with_a_thousand_excluded_listings_is_read(tokens: Tokens) -> None:
    excluded = [f"{number:0200}" for number in range(900)]
    long = msgspec.structs.replace(CURSOR, fields=SearchFields(exclude_listing=excluded))
    assert tokens.read_cursor(tokens.cursor(long)) == long


def test_a_request_that_is_too_long_for_a_cursor_is_refused(tokens: Tokens) -> None:
    long = msgspec.structs.replace(CURSOR, fields=SearchFields(exclude_listing=["x" * 1000] * 1000))
    with pytest.raises(BadQuery, match=r"cursor: would have .* Send shorter filters"):
        tokens.cursor(long)


@given(st.binary(max_size=200))
def test_rejects_random_bytes_as_a_token(tokens: Tokens, content: bytes) -> None:
    with pytest.raises(BadQuery):
        tokens.read_query_token(base64.urlsafe_b64encode(content).decode())


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
