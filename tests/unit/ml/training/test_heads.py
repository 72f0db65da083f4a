"""Whitening, and folding heads for whitened descriptors into the network's heads."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from ml.network.model import FROZEN_TRUNK_PARTS, DescriptorPart, LookalikeNet  # noqa: E402
from ml.photos.preprocess import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402
from ml.training.heads import WhitenedHeads, fit_whitening  # noqa: E402

PARTS = (DescriptorPart(1, 0, for_categories=False), DescriptorPart(1, 1), DescriptorPart(1, 2, for_items=False))
"""256 channels each: the time to whiten a part grows with the cube of its channels."""


def descriptors_of(count: int) -> np.ndarray:
    """Return descriptors that vary in eight directions only: float32 (count, d)."""
    torch.manual_seed(0)
    return (torch.randn(count, 8) @ torch.randn(8, sum(part.channels for part in PARTS))).numpy()


def test_whitened_parts_are_uncorrelated_and_have_equal_mean_length() -> None:
    descriptors = descriptors_of(200)
    whitened = fit_whitening([descriptors], np.arange(200), parts=PARTS, size=5, power=1.0)(descriptors)
    for part in whitened.split(5, dim=1):
        assert part.norm(dim=1).mean() == pytest.approx(5**0.5)
        covariance = torch.cov(part.T)
        torch.testing.assert_close(covariance / covariance[0, 0], torch.eye(5), atol=1e-3, rtol=0)


def test_whitening_is_fitted_to_the_given_rows_of_all_views() -> None:
    descriptors = descriptors_of(60)
    spoilt = descriptors.copy()
    spoilt[40:] = 1e3
    whole = fit_whitening([descriptors[:20], descriptors[20:40]], np.arange(20), parts=PARTS, size=5, power=1.0)
    chosen = fit_whitening([spoilt], np.arange(40), parts=PARTS, size=5, power=1.0)
    for ours, theirs in zip(whole.bases, chosen.bases, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_smaller_power_equalises_the_variances_less() -> None:
    descriptors = descriptors_of(200)
    spreads = []
    for power in (0.0, 0.75, 1.0):
        whitened = fit_whitening([descriptors], np.arange(200), parts=PARTS, size=5, power=power)(descriptors)
        variances = whitened[:, :5].var(dim=0)
        spreads.append(float(variances.max() / variances.min()))
    assert spreads[0] > spreads[1] > spreads[2]
    assert spreads[1] == pytest.approx(spreads[0] ** 0.25, rel=1e-2)


def test_the_projection_starts_with_the_principal_components() -> None:
    torch.manual_seed(0)
    spread = torch.tensor([1.0, 5.0, 2.0, 0.1, 0.5, 9.0])  # one for each part; the projection ignores the last
    whitened = torch.randn(500, 6) * spread
    heads = WhitenedHeads([1] * 6, parts=FROZEN_TRUNK_PARTS, item_size=2, classes=3)
    heads.project_principal_components(whitened)
    variance = heads.projection((whitened - whitened.mean(dim=0))[:, :5]).var(dim=0).sum()
    torch.testing.assert_close(variance, whitened[:, 1:3].var(dim=0).sum(), rtol=0.02, atol=0)


def test_folded_heads_give_the_outputs_of_the_whitened_heads() -> None:
    torch.manual_seed(0)
    network = LookalikeNet(2, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD, category_share=0.2, parts=PARTS)
    descriptors = torch.rand(50, network.descriptor_size)
    whitening = fit_whitening([descriptors.numpy()], np.arange(50), parts=PARTS, size=10, power=0.75)
    heads = WhitenedHeads(whitening.widths, parts=PARTS, item_size=14, classes=2)
    heads.fold_into(network, whitening)
    with torch.inference_mode():
        expected, found = heads(whitening(descriptors.numpy())), network.heads(descriptors)
    torch.testing.assert_close(found.items, expected.items, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-3, rtol=0)
