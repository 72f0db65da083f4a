"""Figures of merit against cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.data import LabelledPhoto
from ml.evaluate import evaluate
from ml.metrics import NOBODY, accuracy, agreement, macro_f1, nearest, precision_at_k, recall_at_k

ALL_DIFFERENT = np.arange(5)


def on_circle(*degrees: float) -> np.ndarray:
    """Unit vectors at these angles: the nearer the angle, the higher the score."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_neighbours_come_nearest_first_and_without_the_query_itself() -> None:
    vectors = on_circle(0, 10, 50, 25, 180)
    found = nearest(vectors, np.array([0, 2]), 3, contents=ALL_DIFFERENT)
    assert found.tolist() == [[1, 3, 2], [3, 1, 0]]


def test_neighbours_at_equal_scores_come_in_the_order_of_their_rows() -> None:
    vectors = on_circle(0, 90, 90, 90, 90)
    assert nearest(vectors, np.array([0]), 3, contents=ALL_DIFFERENT).tolist() == [[1, 2, 3]]


def test_a_query_does_not_find_identical_copies_of_itself() -> None:
    vectors = on_circle(0, 0, 50, 25, 180)
    found = nearest(vectors, np.array([0]), 2, contents=np.array([7, 7, 1, 2, 3]))
    assert found.tolist() == [[3, 2]]


def test_missing_neighbours_are_nobody_and_agree_with_none() -> None:
    vectors = on_circle(0, 10, 20)
    found = nearest(vectors, np.array([0]), 4, contents=np.array([0, 0, 1]))
    assert found.tolist() == [[2, NOBODY, NOBODY, NOBODY]]
    # Row -1, read carelessly, is the last photo, whose label is the query's.
    assert agreement(found, np.array([0]), labels=np.array([5, 5, 5])).tolist() == [[True, False, False, False]]


def test_more_queries_than_fit_at_once_are_all_answered() -> None:
    vectors = on_circle(*np.linspace(0, 180, 600))
    found = nearest(vectors, np.arange(600), 1, contents=np.arange(600))
    assert (np.abs(found[:, 0] - np.arange(600)) == 1).all()


def test_recall_counts_queries_that_find_at_least_one() -> None:
    agreeing = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)
    assert recall_at_k(agreeing, 1) == 0.25
    assert recall_at_k(agreeing, 2) == 0.5
    assert recall_at_k(agreeing, 3) == 0.75


def test_precision_counts_agreeing_neighbours() -> None:
    agreeing = np.array([[1, 0, 1], [0, 1, 0]], dtype=bool)
    assert precision_at_k(agreeing, 1) == 0.5
    assert precision_at_k(agreeing, 3) == pytest.approx(3 / 6)


def test_precision_does_not_forgive_missing_neighbours() -> None:
    assert precision_at_k(np.array([[True, True]]), 5) == pytest.approx(2 / 5)


def test_accuracy_is_the_share_of_right_predictions() -> None:
    assert accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])) == 0.75


def test_macro_f1_weighs_every_class_alike() -> None:
    actual = np.array([0, 0, 0, 0, 1, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0])
    # Class 0: 3 true, 1 false, 1 missed: 6/8. Class 1: 1 true, 1 false: 2/3. Class 2: 1 missed: 0.
    assert macro_f1(predicted, actual) == pytest.approx((6 / 8 + 2 / 3 + 0) / 3)


def test_macro_f1_counts_a_class_that_was_only_predicted() -> None:
    assert macro_f1(np.array([0, 3]), np.array([0, 0])) == pytest.approx((2 / 3 + 0) / 2)


def photo(photo_id: int, listing_id: str, category: str, *, sha256: str | None = None) -> LabelledPhoto:
    return LabelledPhoto(photo_id, listing_id, category, sha256 or f"{photo_id:064x}", Path(f"{photo_id}.jpg"))


def test_evaluation_queries_held_out_photos_against_all_photos() -> None:
    photos = [
        photo(1, "lamp", "home"),  # 0 degrees: nearest is the chair's, then its own listing's
        photo(2, "lamp", "home"),
        photo(3, "chair", "home"),
        photo(4, "phone", "phones"),  # alone in its listing: no query
    ]
    vectors = on_circle(0, 10, 5, 90)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    held_out = np.array([0, 1, 3])
    metrics = evaluate(photos, vectors, probabilities, categories=("home", "phones"), held_out=held_out)
    assert metrics.category_accuracy == pytest.approx(2 / 3)
    assert metrics.retrieval is not None
    assert metrics.retrieval.queries == 2
    assert metrics.retrieval.gallery == 4
    assert metrics.retrieval.same_listing_recall_at_1 == 0.0
    assert metrics.retrieval.same_listing_recall_at_5 == 1.0
    assert metrics.retrieval.category_precision_at_5 == pytest.approx(2 / 5)


def test_a_listing_with_the_same_photo_twice_gives_no_query() -> None:
    photos = [photo(1, "lamp", "home", sha256="a"), photo(2, "lamp", "home", sha256="a"), photo(3, "chair", "home")]
    metrics = evaluate(
        photos, on_circle(0, 0, 90), np.ones((3, 1), np.float32), categories=("home",), held_out=np.array([0, 1])
    )
    assert metrics.retrieval is None
    assert metrics.by_name() == {"category_accuracy": 1.0, "category_macro_f1": 1.0, "held_out_photos": 2}


def test_a_category_that_the_network_does_not_know_is_always_wrong() -> None:
    photos = [photo(1, "lamp", "home"), photo(2, "boat", "boats")]
    metrics = evaluate(
        photos, on_circle(0, 90), np.ones((2, 1), np.float32), categories=("home",), held_out=np.array([0, 1])
    )
    assert metrics.category_accuracy == 0.5
