"""Whitening, and heads trained on whitened descriptors that are folded into the network's own."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from ml.heads import WhitenedHeads, fit_whitening  # noqa: E402
from ml.model import DESCRIPTOR_SIZE, LookalikeNet  # noqa: E402
from ml.preprocess import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402


def test_whitened_descriptors_are_uncorrelated_and_of_variance_one() -> None:
    torch.manual_seed(0)
    descriptors = torch.randn(200, 8) @ torch.randn(8, DESCRIPTOR_SIZE)
    whitened = fit_whitening(descriptors, size=5, power=1.0)(descriptors)
    assert whitened.norm(dim=1).mean() == pytest.approx(20**0.5)
    for part in whitened.split(5, dim=1):
        covariance = torch.cov(part.T)
        torch.testing.assert_close(covariance / covariance[0, 0], torch.eye(5), atol=1e-3, rtol=0)


def test_a_smaller_power_evens_the_variances_out_less() -> None:
    torch.manual_seed(0)
    descriptors = torch.randn(200, 8) @ torch.randn(8, DESCRIPTOR_SIZE)
    spreads = []
    for power in (0.0, 0.75, 1.0):
        variances = fit_whitening(descriptors, size=5, power=power)(descriptors)[:, :5].var(dim=0)
        spreads.append(float(variances.max() / variances.min()))
    assert spreads[0] > spreads[1] > spreads[2]
    assert spreads[1] == pytest.approx(spreads[0] ** 0.25, rel=1e-2)


def test_the_heads_begin_with_the_projection_that_keeps_most_of_the_variance() -> None:
    torch.manual_seed(0)
    whitened = torch.randn(500, 5) * torch.tensor([1.0, 5.0, 2.0, 0.1, 9.0])  # the last part is not seen
    heads = WhitenedHeads([2, 2, 1], vector_size=2, classes=3)
    heads.project_principal_components(whitened - whitened.mean(dim=0))
    kept = heads.projection((whitened - whitened.mean(dim=0))[:, :4]).var(dim=0).sum()
    torch.testing.assert_close(kept, whitened[:, 1:3].var(dim=0).sum(), rtol=0.02, atol=0)


def test_folded_heads_do_what_the_whitened_ones_did() -> None:
    torch.manual_seed(0)
    network = LookalikeNet(2, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    descriptors = torch.rand(50, DESCRIPTOR_SIZE)
    whitening = fit_whitening(descriptors, size=10, power=0.75)
    heads = WhitenedHeads(whitening.widths, vector_size=16, classes=2)
    heads.fold_into(network, whitening)
    with torch.inference_mode():
        expected, found = heads(whitening(descriptors)), network.heads(descriptors)
    torch.testing.assert_close(found.vectors, expected.vectors, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-3, rtol=0)
