"""Evaluation on small catalogues computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.evaluate import evaluate
from ml.evaluation.retrieval import gallery_of, search_all
from ml.labelled import LabelledPhoto
from tests.unit.ml.test_metrics import on_circle


def photo(photo_id: int, listing_id: str, category: str, *, sha256: str | None = None) -> LabelledPhoto:
    return LabelledPhoto(photo_id, listing_id, category, sha256 or f"{photo_id:064x}", Path(f"{photo_id}.jpg"))


def test_searches_all_photos_for_each_held_out_photo() -> None:
    photos = [
        photo(1, "lamp", "home"),  # at 0 degrees: the chair is nearest, then the lamp's other photo
        photo(2, "lamp", "home"),
        photo(3, "chair", "home"),
        photo(4, "phone", "phones"),  # its listing's only photo: not a query
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


def test_a_listing_with_one_photo_twice_is_not_a_query() -> None:
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


def test_the_gallery_holds_a_shared_photo_once_for_all_its_listings() -> None:
    photos = [
        photo(1, "lamp", "home", sha256="lamp"),
        photo(2, "copy", "home", sha256="lamp"),
        photo(3, "copy", "home"),  # the lamp from another side, only in this listing
        photo(4, "chair", "home", sha256="chair"),
        photo(5, "stool", "home", sha256="chair"),
    ]
    vectors = on_circle(0, 0, 30, 20, 20)
    metrics = evaluate(photos, vectors, np.ones((5, 1), np.float32), categories=("home",), held_out=np.array([0]))
    assert metrics.retrieval is not None
    assert metrics.retrieval.gallery == 3  # lamp, lamp from another side, chair
    # The results are the chair, once, and then the photo that shares a listing with the query's copy.
    assert metrics.retrieval.same_listing_recall_at_1 == 0.0
    assert metrics.retrieval.same_listing_map == 1 / 2
    assert metrics.retrieval.category_precision_at_5 == pytest.approx(2 / 5)


def test_euclidean_search_depends_on_the_length_of_vectors() -> None:
    photos = [photo(1, "lamp", "home"), photo(2, "lamp", "home"), photo(3, "chair", "home")]
    vectors = np.array([[1, 0], [9, 0], [1, 1]], np.float32)
    gallery, query = gallery_of(photos), np.array([0])
    nearest_row = int(gallery.firsts[search_all(gallery, vectors, query, distance="l2").neighbours[0, 0]])
    assert nearest_row == 2
    found = search_all(gallery, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), query)
    assert int(gallery.firsts[found.neighbours[0, 0]]) == 1
    assert found.rank.tolist() == [1]


def test_merges_a_photo_that_hundreds_of_listings_share() -> None:
    photos = [photo(n, f"listing-{n}", "home", sha256="placeholder") for n in range(300)]
    photos.append(photo(300, "listing-7", "home"))
    gallery = gallery_of(photos)
    assert len(gallery) == 2
    assert gallery.rows_with_match(np.array([8, 300])).tolist() == [8, 300]


def test_a_category_unknown_to_the_network_counts_as_wrong() -> None:
    photos = [photo(1, "lamp", "home"), photo(2, "boat", "boats")]
    metrics = evaluate(
        photos, on_circle(0, 90), np.ones((2, 1), np.float32), categories=("home",), held_out=np.array([0, 1])
    )
    assert metrics.category_accuracy == 0.5
