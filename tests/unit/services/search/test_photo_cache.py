"""Photos that were searched by are kept for a while, and not for ever."""

from __future__ import annotations

from services.search.query.photo_cache import QueryPhotoCache


def test_a_photo_is_found_by_its_key_and_no_other() -> None:
    photos = QueryPhotoCache()
    assert photos.find(photos.add(b"one")) == b"one"
    assert photos.find("another") is None


def test_the_same_photo_is_kept_once() -> None:
    photos = QueryPhotoCache(max_bytes=5)
    keys = {photos.add(b"same") for _ in range(3)}
    assert len(keys) == 1
    assert photos.find(keys.pop()) == b"same"


def test_the_one_used_longest_ago_makes_room() -> None:
    photos = QueryPhotoCache(max_bytes=6)
    first, second = photos.add(b"111"), photos.add(b"222")
    assert photos.find(first) is not None
    photos.add(b"333")
    assert photos.find(second) is None
    assert photos.find(first) == b"111"


def test_what_alone_is_too_large_is_not_kept() -> None:
    photos = QueryPhotoCache(max_bytes=3)
    assert photos.find(photos.add(b"1234")) is None


def test_a_photo_that_is_not_used_is_forgotten_and_one_that_is_used_is_kept() -> None:
    now = 0.0
    photos = QueryPhotoCache(lifetime_s=10, clock=lambda: now)
    used, unused = photos.add(b"used"), photos.add(b"unused")
    now = 8.0
    assert photos.find(used) == b"used"
    now = 15.0
    assert photos.find(used) == b"used"
    assert photos.find(unused) is None
