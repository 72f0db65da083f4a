"""The cache of query photos."""

from __future__ import annotations

from services.search.query.photo_cache import QueryPhotoCache


def test_finds_a_photo_by_its_key_only() -> None:
    photos = QueryPhotoCache()
    assert photos.find(photos.add(b"one")) == b"one"
    assert photos.find("another") is None


def test_stores_equal_photos_once() -> None:
    photos = QueryPhotoCache(max_bytes=5)
    keys = {photos.add(b"same") for _ in range(3)}
    assert len(keys) == 1
    assert photos.find(keys.pop()) == b"same"


def test_drops_the_least_recently_used_photo_first() -> None:
    photos = QueryPhotoCache(max_bytes=6)
    first, second = photos.add(b"111"), photos.add(b"222")
    assert photos.find(first) is not None
    photos.add(b"333")
    assert photos.find(second) is None
    assert photos.find(first) == b"111"


def test_does_not_store_a_photo_above_the_limit() -> None:
    photos = QueryPhotoCache(max_bytes=3)
    assert photos.find(photos.add(b"1234")) is None


def test_an_unused_photo_expires_and_a_used_one_does_not() -> None:
    now = 0.0
    photos = QueryPhotoCache(lifetime_s=10, clock=lambda: now)
    used, unused = photos.add(b"used"), photos.add(b"unused")
    now = 8.0
    assert photos.find(used) == b"used"
    now = 15.0
    assert photos.find(used) == b"used"
    assert photos.find(unused) is None
