"""The network's outputs: category probabilities, memory votes, category parts and pooled layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")

from ml.network.model import FROZEN_TRUNK_PARTS, MEMORY_SHARE, RANDOM_TRUNK_PARTS, DescriptorPart, LookalikeNet, Outputs  # noqa: E402
from ml.photos.preprocess import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence


def network(
    category_of_class: list[int] | None = None,
    *,
    categories: int = 2,
    vector_size: int = 2,
    category_share: float = 0.0,
    parts: Sequence[DescriptorPart] = FROZEN_TRUNK_PARTS,
) -> LookalikeNet:
    torch.manual_seed(0)
    return LookalikeNet(
        categories,
        vector_size,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        category_of_class=category_of_class,
        category_share=category_share,
        parts=parts,
    ).eval()


def outputs(logits: list[float], item: tuple[float, ...] = (1.0, 0.0)) -> Outputs:
    return Outputs(torch.tensor([item]), torch.tensor([logits]))


def test_the_probability_of_a_category_is_the_sum_over_its_classes() -> None:
    logits = network([0, 1, 1]).category_logits(outputs([1.0, 1.0, 1.0]))
    assert logits.exp()[0].tolist() == pytest.approx([1 / 3, 2 / 3], abs=1e-6)


def test_photos_in_the_memory_vote_by_similarity() -> None:
    net = network()
    net.set_memory(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1, 0]))
    probabilities = net.category_logits(outputs([0.0, 0.0], (1.0, 0.0))).exp()[0]
    assert probabilities.tolist() == pytest.approx([0.5 * (1 - MEMORY_SHARE), 0.5 * (1 - MEMORY_SHARE) + MEMORY_SHARE])


def test_the_category_parts_give_the_bhattacharyya_coefficient() -> None:
    net = network(categories=2, vector_size=8, category_share=0.25)
    other = Outputs(torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    certain = Outputs(torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]), torch.tensor([[100.0, 0.0]]))
    similarity = (net.vectors(certain) * net.vectors(other)).sum()
    assert float(similarity) == pytest.approx(0.25 * (1.0 * 0.5) ** 0.5)  # the item parts are orthogonal


def test_a_vector_without_a_category_part_is_the_item_part() -> None:
    head_outputs = outputs([3.0, 0.0], (0.6, 0.8))
    torch.testing.assert_close(network().vectors(head_outputs), head_outputs.items)


def test_many_categories_share_a_quarter_of_the_vector_and_stay_distinct() -> None:
    net = network(categories=100, vector_size=64, category_share=0.25)
    assert net.projection.out_features == 48
    same = Outputs(torch.eye(48)[[0, 1, 2]], 100 * torch.eye(100)[[7, 7, 8]])
    vectors = net.vectors(same)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    assert float(vectors[0] @ vectors[1]) == pytest.approx(0.25, abs=1e-5)
    assert abs(float(vectors[0] @ vectors[2])) < 0.15


def test_probabilities_sum_to_one_at_any_temperature() -> None:
    net = network([0, 0, 1])
    net.temperature.fill_(2.5)
    with torch.inference_mode():
        vectors, probabilities = net(torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8))
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_each_part_of_a_frozen_trunks_descriptor_has_a_mean_square_of_one() -> None:
    net = network()
    with torch.inference_mode():
        descriptors = net.describe(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))
    for layer in descriptors.split([part.channels for part in net.parts], dim=1):
        torch.testing.assert_close(layer.square().mean(dim=1), torch.ones(2))


def test_a_random_trunks_descriptor_has_plain_means() -> None:
    net = network(parts=RANDOM_TRUNK_PARTS)
    photos = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    trunk = net.trunk
    with torch.inference_mode():
        pixels = (photos.permute(0, 3, 1, 2).float() / 255 - net.mean) / net.std
        maps = trunk.layer2(trunk.layer1(trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(pixels))))))
        torch.testing.assert_close(net.describe(photos)[:, :512], maps.mean(dim=(2, 3)))
