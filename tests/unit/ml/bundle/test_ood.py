"""The OOD detector: its scores and threshold, and its part of a bundle."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import REFERENCES, BundleError, fingerprint
from ml.bundle.ood import (
    FALSE_ALARM_RATE,
    MAX_REFERENCES,
    OodCalibration,
    OodDetector,
    conformal_threshold,
    fit_ood_detector,
    is_in_distribution,
    reference_rows,
)
from ml.bundle.store import install
from ml.bundle.writer import staged_folder, write_manifest
from tests.unit.ml.bundle.test_bundle import edit_manifest, write_bundle

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 4
CALIBRATION = OodCalibration(
    k=2, threshold=2.5, false_alarm_rate=0.05, photos=60, held_out_photos=30, held_out_alarms=0.0
)


def vectors_of(*categories: int, seed: int = 0, size: int = 16) -> np.ndarray:
    """Return unit vectors: each near the axis of its category."""
    noise = np.random.default_rng(seed).normal(scale=0.1, size=(len(categories), size))
    rows = np.eye(size)[list(categories)] + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def known(count: int, seed: int) -> np.ndarray:
    return vectors_of(*(row % 4 for row in range(count)), seed=seed)


@pytest.fixture(scope="module")
def detector() -> OodDetector:
    fitted = fit_ood_detector(known(400, 1), validation=known(200, 2), held_out=known(200, 3))
    assert fitted is not None
    return fitted


def test_calls_few_photos_of_known_categories_out_of_distribution(detector: OodDetector) -> None:
    assert (detector.scores(known(1000, 4)) > 1).mean() <= 2 * FALSE_ALARM_RATE
    assert detector.calibration.held_out_alarms <= 2 * FALSE_ALARM_RATE
    assert (detector.calibration.photos, detector.calibration.held_out_photos) == (200, 200)


def test_calls_photos_of_an_unknown_category_out_of_distribution(detector: OodDetector) -> None:
    assert (detector.scores(vectors_of(*[9] * 100, seed=5)) > 1).all()


def test_the_distance_is_that_to_the_kth_nearest_reference(detector: OodDetector) -> None:
    reference = detector.references[7:8].astype(np.float32)
    distances = [float(detector.distances(reference, k)[0]) for k in (1, 2, 10, 400)]
    assert distances[0] == pytest.approx(0, abs=0.05)
    assert distances == sorted(distances)
    assert detector.scores(reference)[0] == pytest.approx(distances[2] / detector.calibration.threshold)
    assert is_in_distribution(detector.score(reference[0]))


def test_scores_do_not_depend_on_the_number_of_vectors(detector: OodDetector) -> None:
    vectors = known(600, 6)
    alone = [detector.score(vector) for vector in vectors[:3]]
    np.testing.assert_allclose(detector.scores(vectors)[:3], alone, atol=1e-3)
    assert detector.scores(vectors[:0]).shape == (0,)


@pytest.mark.parametrize(("count", "rank"), [(49, 49), (99, 98), (600, 589)])
def test_the_threshold_is_the_conformal_quantile(count: int, rank: int) -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1, count + 1))
    assert conformal_threshold(scores, 0.02) == rank


def test_too_few_scores_allow_no_threshold() -> None:
    assert conformal_threshold(np.arange(48), 0.02) == math.inf


@pytest.mark.parametrize(("references", "photos", "fits"), [(10, 19, True), (9, 19, False), (10, 18, False)])
def test_fits_a_detector_on_enough_photos_only(references: int, photos: int, *, fits: bool) -> None:
    fitted = fit_ood_detector(known(references, 1), validation=known(photos, 2), held_out=known(10, 3))
    assert (fitted is not None) is fits


def test_references_are_distinct_photos_up_to_the_limit() -> None:
    assert reference_rows(np.array([5, 5, 7, 7, 9])).tolist() == [0, 2, 4]
    assert len(reference_rows(np.arange(3 * MAX_REFERENCES) // 2)) == MAX_REFERENCES


def references(count: int = 8) -> np.ndarray:
    return vectors_of(*(row % SIZE for row in range(count)), size=SIZE).astype(np.float16)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with a detector."""
    plain, out = Bundle.load(write_bundle(tmp_path / "plain")), tmp_path / "model"
    ood = OodDetector.of(references(), CALIBRATION, vector_size=SIZE)
    with staged_folder(out) as folder:
        for name in plain.files:
            (folder / name).write_bytes((plain.path / name).read_bytes())
        write_manifest(folder, replace(plain.description, ood=ood), vector_size=SIZE, canonical=plain.canonical)
    return out


def write_references(bundle: Path, tensors: dict[str, np.ndarray]) -> None:
    """Replace the references and list them in the manifest, as the author of a hostile bundle would."""
    (bundle / REFERENCES).write_bytes(save(tensors))
    stated = msgspec.to_builtins(fingerprint(bundle / REFERENCES))
    edit_manifest(bundle, lambda manifest: manifest["files"].update({REFERENCES: stated}))


def test_a_bundle_keeps_its_detector(bundle: Path) -> None:
    ood = Bundle.load(bundle).ood
    assert ood is not None
    assert ood.calibration == CALIBRATION
    np.testing.assert_array_equal(ood.references, references())
    assert REFERENCES in Bundle.load(bundle).files


def test_a_bundle_without_a_detector_has_the_same_version(bundle: Path, tmp_path: Path) -> None:
    plain = Bundle.load(tmp_path / "plain")
    assert plain.ood is None
    assert plain.version == Bundle.load(bundle).version


def test_detects_a_damaged_file_of_references(bundle: Path) -> None:
    content = (bundle / REFERENCES).read_bytes()
    (bundle / REFERENCES).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleError, match=rf"{REFERENCES}: is damaged: its SHA-256"):
        Bundle.load(bundle)


def test_detects_a_missing_file_of_references(bundle: Path) -> None:
    (bundle / REFERENCES).unlink()
    with pytest.raises(BundleError, match=rf"{REFERENCES}: is missing"):
        Bundle.load(bundle)


def test_rejects_references_without_a_threshold(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.pop("ood"))
    with pytest.raises(BundleError, match=rf"model\.json: has no threshold for {REFERENCES}"):
        Bundle.load(bundle)


def test_rejects_references_that_the_manifest_does_not_list(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "plain" / REFERENCES).write_bytes((bundle / REFERENCES).read_bytes())
    with pytest.raises(BundleError, match=rf"{REFERENCES}: is not listed in model\.json"):
        Bundle.load(tmp_path / "plain")


@pytest.mark.parametrize("threshold", [0.0, -1.0])
def test_rejects_a_threshold_that_calls_every_photo_foreign(bundle: Path, threshold: float) -> None:
    edit_manifest(bundle, lambda manifest: manifest["ood"].update(threshold=threshold))
    with pytest.raises(BundleError, match=rf"{REFERENCES}: cannot be used \(the threshold is {threshold}"):
        Bundle.load(bundle)


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ({"references": references().astype(np.float32)}, r"float32 of shape \(8, 4\); they must be float16"),
        ({"references": references()[:, :3].copy()}, r"float16 of shape \(8, 3\); they must be .* \(m, 4\)"),
        ({"references": references(1)}, "k is 2; it must be 1 to 1"),
        ({"references": 2 * references()}, "must have unit length"),
        ({"references": np.full((8, SIZE), np.nan, np.float16)}, "must have unit length"),
        ({"others": references()}, "'references'"),
    ],
    ids=["float32", "size", "one", "length", "not a number", "name"],
)
def test_rejects_unusable_references(bundle: Path, tensors: dict[str, np.ndarray], problem: str) -> None:
    write_references(bundle, tensors)
    with pytest.raises(BundleError, match=rf"{REFERENCES}: cannot be used \(.*{problem}"):
        Bundle.load(bundle)


def test_installing_adds_a_detector_to_a_version_and_never_removes_it(bundle: Path, tmp_path: Path) -> None:
    models, plain = tmp_path / "models", tmp_path / "plain"
    models.mkdir()
    install(Bundle.load(plain.rename(models / "new-1")), models)
    installed = install(Bundle.load(bundle.rename(models / "new-2")), models)
    assert Bundle.load(installed.path).ood is not None
    again = install(Bundle.load(write_bundle(models / "new-3")), models)
    assert again.path == installed.path
    assert Bundle.load(again.path).ood is not None
