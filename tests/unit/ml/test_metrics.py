"""Metrics on cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ml.metrics import (
    NO_NEIGHBOUR,
    accuracy,
    auroc,
    average_precision,
    calibration_floor,
    confusion_matrix,
    expected_calibration_error,
    false_positive_rate_at_95,
    macro_f1,
    nearest,
    precision_at_k,
    recall_at_k,
    reliability,
)


def on_circle(*degrees: float) -> np.ndarray:
    """Return unit vectors at these angles: the closer the angles, the higher the score."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_nearest_ranks_the_best_first_and_excludes_the_query() -> None:
    vectors = on_circle(0, 10, 50, 25, 180)
    neighbours = nearest(vectors[[0, 2]], vectors, 3, exclude=np.array([0, 2]))
    assert neighbours.tolist() == [[1, 3, 2], [3, 1, 0]]


def test_nearest_breaks_ties_by_row() -> None:
    vectors = on_circle(0, 90, 90, 90, 90)
    assert nearest(vectors[:1], vectors, 3, exclude=np.array([0])).tolist() == [[1, 2, 3]]


def test_nearest_pads_missing_neighbours() -> None:
    vectors = on_circle(0, 10, 20)
    assert nearest(vectors[:1], vectors, 4, exclude=np.array([0])).tolist() == [[1, 2, NO_NEIGHBOUR, NO_NEIGHBOUR]]


def test_nearest_answers_more_queries_than_one_block() -> None:
    vectors = on_circle(*np.linspace(0, 180, 600))
    neighbours = nearest(vectors, vectors, 1, exclude=np.arange(600))
    assert (np.abs(neighbours[:, 0] - np.arange(600)) == 1).all()


def test_recall_counts_queries_with_at_least_one_relevant_neighbour() -> None:
    relevant = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)
    assert recall_at_k(relevant, 1) == 0.25
    assert recall_at_k(relevant, 2) == 0.5
    assert recall_at_k(relevant, 3) == 0.75


def test_precision_counts_relevant_neighbours() -> None:
    relevant = np.array([[1, 0, 1], [0, 1, 0]], dtype=bool)
    assert precision_at_k(relevant, 1) == 0.5
    assert precision_at_k(relevant, 3) == pytest.approx(3 / 6)


def test_precision_counts_missing_neighbours_as_not_relevant() -> None:
    assert precision_at_k(np.array([[True, True]]), 5) == pytest.approx(2 / 5)


def test_accuracy_is_the_share_of_correct_predictions() -> None:
    assert accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])) == 0.75


def test_macro_f1_weights_every_class_equally() -> None:
    actual = np.array([0, 0, 0, 0, 1, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0])
    # Class 0: 3 true, 1 false, 1 missed: 6/8. Class 1: 1 true, 1 false: 2/3. Class 2: 1 missed: 0.
    assert macro_f1(predicted, actual) == pytest.approx((6 / 8 + 2 / 3 + 0) / 3)


def test_macro_f1_counts_a_class_that_occurs_only_in_predictions() -> None:
    assert macro_f1(np.array([0, 3]), np.array([0, 0])) == pytest.approx((2 / 3 + 0) / 2)


def test_macro_f1_weights_repeat_or_drop_predictions() -> None:
    predicted, actual = np.array([0, 1, 1, 2]), np.array([0, 1, 0, 0])
    repeated = np.repeat(np.arange(4), [2, 3, 1, 0])
    weights = np.array([2.0, 3.0, 1.0, 0.0])
    assert macro_f1(predicted, actual, weights) == pytest.approx(macro_f1(predicted[repeated], actual[repeated]))


def test_average_precision_is_the_mean_precision_at_each_match() -> None:
    relevant = np.array([[1, 0, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]], dtype=bool)
    # Matches at ranks 1 and 3: (1/1 + 2/3) / 2. At rank 3: 1/3. Everywhere: 1.
    assert average_precision(relevant).tolist() == pytest.approx([5 / 6, 1 / 3, 1.0])


def test_the_confusion_matrix_has_true_classes_as_rows() -> None:
    matrix = confusion_matrix(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_calibration_error_weights_each_bin_by_its_predictions() -> None:
    confidence = np.array([0.9, 0.6, 0.9, 0.9])
    correct = np.array([True, False, True, False])
    bins = reliability(confidence, correct, bins=10)
    assert [(one.low, one.high, one.count) for one in bins] == [(0.0, 0.6, 1), (0.6, 0.9, 3)]
    assert expected_calibration_error(bins) == pytest.approx(3 / 4 * (0.9 - 2 / 3) + 1 / 4 * 0.6)


def test_bins_have_equal_counts() -> None:
    confidence = np.random.default_rng(0).beta(8, 2, 1500)
    bins = reliability(confidence, confidence > 0.5)
    assert {one.count for one in bins} == {100}
    assert bins[-1].high == confidence.max()


def test_calibration_error_of_calibrated_predictions_is_that_of_chance() -> None:
    rng = np.random.default_rng(0)
    for count in (300, 30_000):
        confidence = rng.random(count)
        errors = [
            expected_calibration_error(reliability(confidence, rng.random(count) < confidence)) for _ in range(50)
        ]
        assert np.mean(errors) == pytest.approx(calibration_floor(confidence), rel=0.1)
    assert calibration_floor(rng.random(300)) > 5 * calibration_floor(rng.random(30_000))


def test_auroc_counts_the_pairs_in_which_the_foreign_photo_scores_higher() -> None:
    # Of six pairs, four have the foreign photo higher and one is a tie.
    assert auroc(np.array([1, 2, 3]), np.array([2, 9])) == pytest.approx((4 + 0.5) / 6)


def test_the_false_positive_rate_counts_foreign_photos_below_95_percent_of_the_others() -> None:
    assert false_positive_rate_at_95(np.arange(1, 101), np.array([95, 96, 97, 10])) == 0.5
