"""The report's figures from small arrays, and its page."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.bundle.bundle import Bundle
from ml.bundle.calibration import Calibration
from ml.bundle.ood import OodDetector, fit_ood_detector
from ml.bundle.score_map import ScoreMap
from ml.embedding.embedder import Embeddings
from ml.evaluation.baselines import BaselineVectors
from ml.evaluation.report.build import EXAMPLES, Baselines, EmbeddedPhotos, ReportInputs, build_report
from ml.evaluation.report.figures import Report, Setup, SplitUse
from ml.evaluation.report.page import render, thumbnail_url
from ml.evaluation.report.tradeoffs import unit
from ml.labelled import LabelledPhoto
from tests.unit.ml.bundle.test_bundle import CATEGORIES, write_bundle

LISTINGS = 40
SPLIT = SplitUse(
    "held out", seed=0, train=20, validation=0, held_out=20, measured=20, missing=0, unknown=0, too_alike=0
)
SETUP = Setup(
    model_version="0123456789ab",
    model_created_at=datetime(2026, 1, 1, tzinfo=UTC),
    evaluated_at=datetime(2026, 1, 2, tzinfo=UTC),
    split=SPLIT,
    photos=2 * LISTINGS,
    unreadable=0,
    precision="f32",
    runtime="openvino",
    threads=1,
    processor="a processor",
    libraries={"numpy": "2"},
)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    calibration = Calibration(1.0, 0.7, {}, ScoreMap((-1.0, 0.5, 1.0), (0.0, 0.1, 1.0)), photos=10)
    return replace(Bundle.load(write_bundle(tmp_path / "model")), calibration=calibration)


def report_inputs(*, baselines: bool) -> ReportInputs:
    """Return forty listings of two photos; the last twenty listings are held out.

    Our vectors of a listing's photos are nearly equal; the pooled features are so for every second listing, the logits
    for none. All held-out photos are predicted to be of the first category: with 0.8 if they are, with 0.6 if they are
    of the second. So half of the predictions are right.
    """
    rng = np.random.default_rng(0)
    listing = np.repeat(np.arange(LISTINGS), 2)
    photos = [
        LabelledPhoto(row, f"listing-{number}", CATEGORIES[number % 2], f"{row:064x}", Path(f"{row}"))
        for row, number in enumerate(listing)
    ]
    directions = rng.normal(size=(LISTINGS, 64))[listing]
    noise = rng.normal(size=(2 * LISTINGS, 64))
    top = np.where(listing % 2 == 0, 0.8, 0.6)
    pooled = np.where((listing % 2 == 0)[:, None], directions + 0.01 * noise, noise)
    return ReportInputs(
        photos=photos,
        titles={photo.listing_id: f"Title of {photo.listing_id}" for photo in photos},
        items=listing,
        held_out=np.arange(LISTINGS, 2 * LISTINGS),
        runs={
            "f32": EmbeddedPhotos(
                unit((directions + 0.01 * noise).astype(np.float32)),
                np.stack([top, 1 - top], axis=1).astype(np.float32),
                rate=10.0,
            )
        },
        baselines=Baselines(BaselineVectors(pooled.astype(np.float32), noise.astype(np.float32)), precision="f32")
        if baselines
        else Baselines(None, skipped="not requested."),
        foreign={"far away": Embeddings(unit(np.ones((4, 64), np.float32)), np.full((4, 2), 0.5, np.float32))},
    )


@pytest.fixture
def report(bundle: Bundle) -> Report:
    return build_report(report_inputs(baselines=True), bundle=bundle, setup=SETUP)


def test_ratios_compare_with_the_better_baseline(report: Report) -> None:
    assert report.retrieval is not None
    assert report.retrieval.ours.recall_at_1.value == 1.0
    pooled, logits = (baseline.recall_at_1.value for baseline in report.retrieval.baselines)
    assert pooled > 0.45 > 0.2 > logits
    (ratio,) = [one for one in report.retrieval.ratios if one.figure == "recall_at_1"]
    assert ratio.baseline == "pooled, L2"
    assert ratio.ratio is not None
    assert ratio.ratio.value == pytest.approx(1 / pooled)
    assert ratio.ratio.low < ratio.ratio.value < ratio.ratio.high


def test_category_figures_equal_those_counted_by_hand(report: Report) -> None:
    category = report.category
    assert category.accuracy.value == 0.5
    assert category.confusion == ((20, 0), (20, 0))
    assert category.macro_f1.value == pytest.approx((2 * 20 / 60 + 0) / 2)
    first, second = category.categories
    assert (first.precision, first.recall, second.precision, second.recall) == (0.5, 1.0, None, 0.0)
    # All predictions with 0.8 are right and none with 0.6, so the bins are off by 0.2 and 0.6.
    assert category.after.error == pytest.approx((0.2 + 0.6) / 2)
    assert (category.confident.share, category.confident.right) == (0.5, 1.0)


def test_shows_one_wrong_photo_for_each_item(report: Report) -> None:
    assert len(report.confusions) == 10
    assert len({one.photo.listing_id for one in report.confusions}) == 10
    assert {(one.photo.category, one.predicted) for one in report.confusions} == {("Phones", "Baby")}


def test_worst_ranked_pairs_come_first(bundle: Bundle) -> None:
    inputs = report_inputs(baselines=False)
    noise = unit(np.random.default_rng(1).normal(size=(2 * LISTINGS, 64)).astype(np.float32))
    run = replace(inputs.served, vectors=noise)
    missed = build_report(replace(inputs, runs={"f32": run}), bundle=bundle, setup=SETUP).missed
    ranks = [one.rank for one in missed]
    assert len(ranks) == EXAMPLES
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[-1] > 1
    for one in missed:
        assert one.query.listing_id == one.other.listing_id != one.instead.listing_id
        assert one.query.photo_id != one.other.photo_id


def test_the_page_shows_baselines_ratios_and_both_charts(report: Report) -> None:
    page = render(report, lambda _sha256: b"")
    assert "pooled, L2" in page
    assert "ours / better baseline" in page
    assert page.count("<svg") == 4  # reliability before and after, the score map, and reliability of scores
    assert "photo cannot be read" in page


def test_the_page_gives_the_reason_for_missing_baselines(bundle: Bundle) -> None:
    inputs, uncalibrated = report_inputs(baselines=False), replace(bundle, calibration=None)
    page = render(build_report(inputs, bundle=uncalibrated, setup=SETUP), lambda _sha256: b"")
    assert "No baselines: not requested." in page
    assert "a search shows cosine similarity as the score" in page


def test_thumbnails_are_small() -> None:
    photo = io.BytesIO()
    Image.effect_noise((900, 600), 80).convert("RGB").save(photo, "JPEG")
    assert len(thumbnail_url("0" * 64, lambda _sha256: photo.getvalue())) < 30_000


@pytest.fixture
def detector() -> OodDetector:
    """Fitted on the photos of the report's first listings: its held-out photos are like noise to it."""
    inputs = report_inputs(baselines=False)
    validation = np.tile(inputs.served.vectors[40:], (2, 1))
    fitted = fit_ood_detector(inputs.served.vectors, validation=validation, held_out=validation)
    assert fitted is not None
    return fitted


def test_measures_false_alarms_and_detected_foreign_pictures(bundle: Bundle, detector: OodDetector) -> None:
    with_detector = replace(bundle, ood=detector)
    ood = build_report(report_inputs(baselines=False), bundle=with_detector, setup=SETUP).ood
    assert ood is not None
    assert ood.references == 2 * LISTINGS
    assert ood.false_alarms.value <= ood.false_alarm_rate
    (foreign,) = ood.foreign
    assert (foreign.kind, foreign.pictures, foreign.detected, foreign.auroc) == ("far away", 4, 1.0, 1.0)
    assert foreign.baseline_auroc == 1.0  # every held-out photo has 0.6 or 0.8, every picture 0.5
    assert "far away" in render(
        build_report(report_inputs(baselines=False), bundle=with_detector, setup=SETUP), lambda _sha256: b""
    )


def test_the_page_says_when_the_model_has_no_detector(report: Report) -> None:
    assert report.ood is None
    assert "cannot tell photos unlike the catalogue" in render(report, lambda _sha256: b"")
