"""What the client keeps for the server between two calls."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.payloads import to_bytes
from services.errors import BadQuery
from services.search.query.tokens import (
    Cursor,
    Frozen,
    ListingSubject,
    PhotoSubject,
    SearchOrigin,
    StoredPhotoSubject,
    TasteSubject,
    decode_cursor,
    decode_subject,
    decode_vector,
    encode,
    listing_hash,
    seen_hashes,
    unpack_hashes,
)
from services.wire import SearchFields

VECTOR = np.full(256, 1 / 16, dtype=np.float32)
SUBJECTS = [
    PhotoSubject("model", to_bytes(VECTOR), "key", (("Phones", 0.9),), "lamp-1"),
    ListingSubject("lamp 1 / ü"),
    StoredPhotoSubject(7),
    TasteSubject(("a", "b"), ("c",), (1.0, 2.0), (), "average"),
]
CURSOR = Cursor(
    ListingSubject("lamp"),
    SearchFields(k=3, category=["Phones"]),
    SearchOrigin("m", "faiss", "faiss ivf", "", 4),
    b"12345678",
)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: type(subject).__name__)
def test_a_token_stands_for_what_it_was_made_of(subject: object) -> None:
    assert decode_subject(encode(subject)) == subject  # type: ignore[arg-type]


def test_a_cursor_stands_for_what_it_was_made_of() -> None:
    assert decode_cursor(encode(CURSOR)) == CURSOR


@pytest.mark.parametrize(
    "text",
    ["", "x", "not base64 at all!", encode(CURSOR)[:-1], encode(CURSOR)[1:], "A" * 100_000, encode(SUBJECTS[0]), "é"],
    ids=["empty", "short", "text", "cut", "beheaded", "endless", "a token", "not ASCII"],
)
def test_what_is_not_a_whole_cursor_of_ours_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(BadQuery, match="cursor: is not one of ours"):
        decode_cursor(text)


@given(st.binary(max_size=200))
def test_whatever_bytes_a_token_holds_it_is_a_subject_or_refused(content: bytes) -> None:
    with pytest.raises(BadQuery):
        decode_subject(base64.urlsafe_b64encode(content).decode())


@pytest.mark.parametrize("content", [b"", b"\1", b"\0" * 512, b"\xff" * 512], ids=["none", "odd", "zeros", "NaN"])
def test_a_vector_that_has_no_direction_is_refused(content: bytes) -> None:
    with pytest.raises(BadQuery):
        decode_vector(content, "query_token")


def test_a_vector_comes_back_at_unit_length() -> None:
    back = decode_vector(to_bytes(VECTOR), "query_token")
    assert np.linalg.norm(back) == pytest.approx(1, abs=1e-6)
    assert float(back @ VECTOR) == pytest.approx(1, abs=1e-6)


@given(st.lists(st.tuples(st.integers(1, 2**62), st.floats(-1, 1)), max_size=50), st.integers(0, 60))
def test_frozen_results_keep_their_order_and_cosines(found: list[tuple[int, float]], count: int) -> None:
    rest = Frozen.unpacked(Frozen.of(found).after(count).packed())
    assert rest.photo_ids.tolist() == [photo_id for photo_id, _ in found[count:]]
    assert rest.cosines.tolist() == pytest.approx([cosine for _, cosine in found[count:]], abs=2e-5)


def test_five_hundred_frozen_results_take_less_than_four_kilobytes() -> None:
    rng = np.random.default_rng(1)
    found = list(zip(rng.integers(1, 2_000_000, 500).tolist(), np.sort(rng.random(500))[::-1].tolist(), strict=True))
    assert len(Frozen.of(found).packed()) < 4096


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", Frozen.of([(1, 0.5)]).packed()[:-6]], ids=["none", "other", "cut"]
)
def test_frozen_results_that_are_not_whole_are_refused_or_empty(content: bytes) -> None:
    try:
        rest = Frozen.unpacked(content)
    except BadQuery:
        return
    assert len(rest.photo_ids) == 0


def test_seen_listings_are_told_by_their_hashes() -> None:
    seen = unpack_hashes(seen_hashes(["a", "b"]))
    assert listing_hash("a") in seen
    assert listing_hash("c") not in seen
