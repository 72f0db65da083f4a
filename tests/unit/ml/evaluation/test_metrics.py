"""Figures of merit against cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.evaluate import evaluate
from ml.evaluation.intervals import bootstrap, mean_of, ratio_of
from ml.evaluation.retrieval import gallery_of, search_all
from ml.labelled import LabelledPhoto
from ml.metrics import (
    NO_NEIGHBOUR,
    accuracy,
    average_precision,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    nearest,
    precision_at_k,
    recall_at_k,
    reliability,
)


def on_circle(*degrees: float) -> np.ndarray:
    """Unit vectors at these angles: the nearer the angle, the higher the score."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_neighbours_come_nearest_first_and_without_the_query_itself() -> None:
    vectors = on_circle(0, 10, 50, 25, 180)
    found = nearest(vectors[[0, 2]], vectors, 3, exclude=np.array([0, 2]))
    assert found.tolist() == [[1, 3, 2], [3, 1, 0]]


def test_neighbours_at_equal_scores_come_in_the_order_of_their_rows() -> None:
    vectors = on_circle(0, 90, 90, 90, 90)
    assert nearest(vectors[:1], vectors, 3, exclude=np.array([0])).tolist() == [[1, 2, 3]]


def test_missing_neighbours_are_nobody() -> None:
    vectors = on_circle(0, 10, 20)
    assert nearest(vectors[:1], vectors, 4, exclude=np.array([0])).tolist() == [[1, 2, NO_NEIGHBOUR, NO_NEIGHBOUR]]


def test_more_queries_than_fit_at_once_are_all_answered() -> None:
    vectors = on_circle(*np.linspace(0, 180, 600))
    found = nearest(vectors, vectors, 1, exclude=np.arange(600))
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


def test_macro_f1_can_count_predictions_several_times_or_not_at_all() -> None:
    predicted, actual = np.array([0, 1, 1, 2]), np.array([0, 1, 0, 0])
    repeated = np.repeat(np.arange(4), [2, 3, 1, 0])
    weights = np.array([2.0, 3.0, 1.0, 0.0])
    assert macro_f1(predicted, actual, weights) == pytest.approx(macro_f1(predicted[repeated], actual[repeated]))


def test_average_precision_is_the_mean_precision_at_each_match() -> None:
    agreeing = np.array([[1, 0, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]], dtype=bool)
    # Matches at ranks 1 and 3: (1/1 + 2/3) / 2. At rank 3: 1/3. Everywhere: 1.
    assert average_precision(agreeing).tolist() == pytest.approx([5 / 6, 1 / 3, 1.0])


def test_the_confusion_matrix_has_true_classes_as_rows() -> None:
    found = confusion_matrix(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]), 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_the_calibration_error_weighs_each_bin_by_its_predictions() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.6])
    right = np.array([True, True, False, False])
    # Ten bins. (0.8, 0.9]: three at 0.9 of which two are right. (0.5, 0.6]: one at 0.6, and wrong.
    bins = reliability(confidence, right, bins=10)
    assert [one.count for one in bins] == [0, 0, 0, 0, 0, 1, 0, 0, 3, 0]
    assert expected_calibration_error(bins) == pytest.approx(3 / 4 * (0.9 - 2 / 3) + 1 / 4 * 0.6)


def test_predictions_that_are_right_as_often_as_they_say_have_hardly_an_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(100_000)
    assert expected_calibration_error(reliability(confidence, rng.random(100_000) < confidence)) < 0.01


def test_certainty_and_impossibility_have_a_bin() -> None:
    bins = reliability(np.array([0.0, 1.0]), np.array([False, True]))
    assert (len(bins), bins[0].count, bins[-1].count) == (15, 1, 1)


def test_an_interval_holds_the_figure_and_is_the_same_each_time() -> None:
    values, groups = np.arange(40) % 3 == 0, np.repeat(np.arange(20), 2)
    estimate = bootstrap(mean_of(values), groups)
    assert estimate.value == values.mean()
    assert 0 < estimate.low < estimate.value < estimate.high < 1
    assert bootstrap(mean_of(values), groups) == estimate


def test_photos_that_depend_on_each_other_give_wider_intervals() -> None:
    values = np.repeat(np.random.default_rng(0).random(200) < 0.5, 2)
    together = bootstrap(mean_of(values), np.repeat(np.arange(200), 2))
    apart = bootstrap(mean_of(values), np.arange(400))
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(2**0.5, rel=0.1)


def test_the_ratio_of_two_ways_is_drawn_on_the_same_photos() -> None:
    values = np.random.default_rng(0).random(100)
    estimate = bootstrap(ratio_of(2 * values, values), np.arange(100))
    assert [estimate.value, estimate.low, estimate.high] == pytest.approx([2.0, 2.0, 2.0])


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
    assert metrics.by_name() == {
        "category_accuracy": 1.0,
        "category_macro_f1": 1.0,
        "calibration_error": 0.0,
        "held_out_photos": 2,
    }


def test_copies_of_a_photo_are_one_in_the_gallery_and_belong_to_each_listing_that_shows_them() -> None:
    photos = [
        photo(1, "lamp", "home", sha256="lamp"),
        photo(2, "copy", "home", sha256="lamp"),
        photo(3, "copy", "home"),  # the lamp from another side, shown by the copy only
        photo(4, "chair", "home", sha256="chair"),
        photo(5, "stool", "home", sha256="chair"),
    ]
    vectors = on_circle(0, 0, 30, 20, 20)
    metrics = evaluate(photos, vectors, np.ones((5, 1), np.float32), categories=("home",), held_out=np.array([0]))
    assert metrics.retrieval is not None
    assert metrics.retrieval.gallery == 3  # lamp, lamp from another side, chair
    # Found are the chair, once, and then the photo that shares a listing with the query's copy.
    assert metrics.retrieval.same_listing_recall_at_1 == 0.0
    assert metrics.retrieval.same_listing_map == 1 / 2
    assert metrics.retrieval.category_precision_at_5 == pytest.approx(2 / 5)


def test_euclidean_search_minds_the_length_of_vectors() -> None:
    photos = [photo(1, "lamp", "home"), photo(2, "lamp", "home"), photo(3, "chair", "home")]
    vectors = np.array([[1, 0], [9, 0], [1, 1]], np.float32)
    gallery, query = gallery_of(photos), np.array([0])
    nearest_row = int(gallery.firsts[search_all(gallery, vectors, query, distance="l2").neighbours[0, 0]])
    assert nearest_row == 2
    found = search_all(gallery, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), query)
    assert int(gallery.firsts[found.neighbours[0, 0]]) == 1
    assert found.rank.tolist() == [1]


def test_a_photo_that_hundreds_of_listings_show_is_still_merged() -> None:
    photos = [photo(n, f"listing-{n}", "home", sha256="placeholder") for n in range(300)]
    photos.append(photo(300, "listing-7", "home"))
    gallery = gallery_of(photos)
    assert len(gallery) == 2
    assert gallery.findable(np.array([8, 300])).tolist() == [8, 300]


def test_a_category_that_the_network_does_not_know_is_always_wrong() -> None:
    photos = [photo(1, "lamp", "home"), photo(2, "boat", "boats")]
    metrics = evaluate(
        photos, on_circle(0, 90), np.ones((2, 1), np.float32), categories=("home",), held_out=np.array([0, 1])
    )
    assert metrics.category_accuracy == 0.5
