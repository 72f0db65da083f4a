"""The OOD detector that training fits to a network's vectors."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from ml.training.dataset.labels import Labels, SplitLabels  # noqa: E402
from ml.training.finishing import fit_ood  # noqa: E402
from tests.networks import tiny_net  # noqa: E402


def labels(rows: range) -> Labels:
    """Return labels of photos in which two neighbouring rows are equal photos."""
    row = np.arange(rows.start, rows.stop)
    return Labels(rows=row, classes=row % 3, categories=row % 3, items=row, contents=row // 2)


def test_keeps_the_vectors_of_distinct_training_photos() -> None:
    network = tiny_net(seed=0).eval()
    descriptors = np.random.default_rng(0).random((100, network.projection.in_features), np.float32)
    split = SplitLabels(train=labels(range(40)), validation=labels(range(40, 70)), held_out=labels(range(70, 100)))
    detector = fit_ood(network, descriptors, split)
    assert detector is not None
    with torch.inference_mode():
        expected, _ = network.predict(torch.from_numpy(descriptors[:40:2]))
    np.testing.assert_allclose(detector.references, expected.numpy(), atol=1e-3)
    assert (detector.calibration.photos, detector.calibration.held_out_photos) == (30, 30)


@pytest.mark.parametrize("validation", [0, 18])
def test_fits_no_detector_with_too_few_validation_photos(validation: int) -> None:
    network = tiny_net(seed=0).eval()
    descriptors = np.random.default_rng(0).random((80, network.projection.in_features), np.float32)
    split = SplitLabels(
        train=labels(range(40)), validation=labels(range(40, 40 + validation)), held_out=labels(range(60, 80))
    )
    assert fit_ood(network, descriptors, split) is None
