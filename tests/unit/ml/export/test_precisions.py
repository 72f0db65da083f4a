"""The loss of a precision against float32, measured on photos of listings with two or more."""

from __future__ import annotations

import numpy as np
import pytest

from ml.export.precisions import compare_precisions, rows_with_siblings, same_listing_recall

LISTINGS = np.array([0, 0, 1, 1, 2])
"""The last listing has only one photo."""


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


PAIRS_TOGETHER = on_circle(0, 1, 90, 91, 180)
ONE_PAIR_APART = on_circle(0, 1, 88, 178, 180)


def test_photos_that_share_their_listing_are_the_queries() -> None:
    assert rows_with_siblings(LISTINGS).tolist() == [0, 1, 2, 3]


def test_recall_counts_photos_whose_nearest_photo_shows_the_same_listing() -> None:
    assert same_listing_recall(PAIRS_TOGETHER, LISTINGS) == 1
    assert same_listing_recall(ONE_PAIR_APART, LISTINGS) == 0.5


def test_a_listings_only_photo_is_in_the_gallery_but_not_a_query() -> None:
    assert same_listing_recall(on_circle(0, 1, 90, 92, 91), LISTINGS) == 0.5


def test_loss_is_in_percentage_points_against_the_reference() -> None:
    qualities = compare_precisions({"f32": PAIRS_TOGETHER, "int8": ONE_PAIR_APART}, LISTINGS)
    assert qualities["f32"].loss == 0
    assert qualities["int8"].loss == pytest.approx(50)
    assert qualities["int8"].recall_at_1 == 0.5
    assert qualities["int8"].photos == 4


def test_a_precision_that_finds_more_has_a_negative_loss() -> None:
    qualities = compare_precisions({"f32": ONE_PAIR_APART, "int8": PAIRS_TOGETHER}, LISTINGS)
    assert qualities["int8"].loss == pytest.approx(-50)


def test_the_cosine_is_the_median_over_the_photos() -> None:
    turned = on_circle(0, 1, 90, 91, 180) @ np.array([[0.8, 0.6], [-0.6, 0.8]], np.float32)
    assert compare_precisions({"f32": PAIRS_TOGETHER, "int8": turned}, LISTINGS)["int8"].cosine == pytest.approx(0.8)


def test_compare_gives_nothing_for_listings_with_one_photo_each() -> None:
    assert compare_precisions({"f32": PAIRS_TOGETHER}, np.arange(5)) == {}
