"""The losses, compared with values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from ml.training.losses import class_weights, classification_loss, contrastive_loss  # noqa: E402

EAST, NORTH = (1.0, 0.0), (0.0, 1.0)


def test_the_loss_of_two_perfect_pairs_is_the_softmax_over_the_negatives() -> None:
    vectors = torch.tensor([EAST, EAST, NORTH, NORTH])
    loss = contrastive_loss(vectors, torch.tensor([1, 1, 2, 2]), temperature=0.5)
    # Each photo has similarity 1 to its positive and 0 to both negatives.
    assert float(loss) == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 2)), abs=1e-6)


def test_pairs_that_point_apart_cost_more_than_equal_pairs() -> None:
    vectors = torch.tensor([EAST, EAST, NORTH, NORTH])
    agreeing = contrastive_loss(vectors, torch.tensor([1, 1, 2, 2]), temperature=0.1)
    apart = contrastive_loss(vectors, torch.tensor([1, 2, 1, 2]), temperature=0.1)
    assert float(apart) > float(agreeing) + 5


def test_several_positives_are_averaged_per_anchor() -> None:
    vectors = torch.tensor([EAST, EAST, EAST, NORTH])
    loss = contrastive_loss(vectors, torch.tensor([1, 1, 1, 2]), temperature=1.0)
    # Each of three anchors has two positives at 1 and a negative at 0. The fourth photo is not an anchor.
    assert float(loss) == pytest.approx(-math.log(math.e / (2 * math.e + 1)), abs=1e-6)


def test_a_batch_without_pairs_has_zero_loss_and_a_finite_gradient() -> None:
    vectors = torch.tensor([EAST, NORTH], requires_grad=True)
    loss = contrastive_loss(vectors, torch.tensor([1, 2]), temperature=0.1)
    loss.backward()
    assert loss.item() == 0.0
    assert vectors.grad is not None
    assert bool(vectors.grad.isfinite().all())


def test_the_gradient_pulls_a_pair_together() -> None:
    vectors = torch.tensor([EAST, NORTH, (-1.0, 0.0)], requires_grad=True)
    contrastive_loss(vectors, torch.tensor([1, 1, 2]), temperature=0.5).backward()
    assert vectors.grad is not None
    towards_north = -vectors.grad[0, 1]
    assert float(towards_north) > 0


def test_label_smoothing_spreads_its_share_over_all_classes() -> None:
    logits = torch.tensor([[2.0, 0.0]])
    log_probabilities = (math.log(math.exp(2) / (math.exp(2) + 1)), math.log(1 / (math.exp(2) + 1)))
    loss = classification_loss(logits, torch.tensor([0]), weights=torch.ones(2), label_smoothing=0.1)
    assert float(loss) == pytest.approx(-(0.95 * log_probabilities[0] + 0.05 * log_probabilities[1]), abs=1e-6)


def test_classes_count_by_their_weights() -> None:
    logits, classes = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    loss = classification_loss(logits, classes, weights=torch.tensor([3.0, 1.0]), label_smoothing=0.0)
    assert float(loss) == pytest.approx((3 * right + wrong) / 4, abs=1e-6)


@pytest.mark.parametrize(("power", "expected"), [(0.0, [1.0, 1.0]), (1.0, [2 / 3, 2.0]), (0.5, [0.845299, 1.464102])])
def test_a_higher_power_weights_rare_classes_more(power: float, expected: list[float]) -> None:
    weights = class_weights(np.array([0, 0, 0, 1]), 2, power=power)
    assert weights.tolist() == pytest.approx(expected, abs=1e-5)
    assert float(weights[0] * 3 + weights[1]) == pytest.approx(4)  # a photo's mean weight is 1


def test_a_class_without_photos_has_a_finite_weight() -> None:
    assert bool(class_weights(np.array([0]), 2, power=1.0).isfinite().all())
