"""Canonical photos are the same bytes on every platform."""

from __future__ import annotations

from ml.bundle.canonical import canonical_photos


def test_canonical_photos_have_fixed_bytes() -> None:
    drawn = canonical_photos(16)
    assert drawn.shape == (3, 16, 16, 3)
    assert drawn[0, 0, :3].tolist() == [[0, 0, 0], [17, 0, 8], [34, 0, 17]]
    assert drawn[1, 0, 1:3].tolist() == [[230, 180, 40], [20, 60, 120]]
    assert drawn[2, 0, 0].tolist() == [112, 225, 81]
