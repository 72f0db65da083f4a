"""Augmentation, and hue turns that the photos of an item share."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from ml.training.dataset.augment import augment, turn_hue  # noqa: E402

pytestmark = pytest.mark.train

RED = torch.tensor([220.0, 30.0, 40.0])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def flat(*colours: torch.Tensor) -> torch.Tensor:
    """Return photos of one colour each, float (B, 3, 4, 4)."""
    return torch.stack(colours)[:, :, None, None].expand(-1, -1, 4, 4)


def test_photos_of_an_item_share_their_hue_turn() -> None:
    one, same, other = turn_hue(flat(RED, RED, RED), torch.tensor([7, 7, 3]), generator())
    torch.testing.assert_close(one, same)
    assert (one - other).abs().max() > 20


def test_turning_the_hue_preserves_greys_lightness_and_saturation() -> None:
    grey = torch.full((3,), 90.0)
    turned_grey, turned = turn_hue(flat(grey, RED), torch.tensor([1, 2]), generator())
    torch.testing.assert_close(turned_grey, flat(grey)[0])
    torch.testing.assert_close(turned.mean(), RED.mean())
    torch.testing.assert_close((turned[:, 0, 0] - turned.mean()).norm(), (RED - RED.mean()).norm())


def test_a_third_of_a_turn_rotates_the_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.training.dataset.augment._uniform", lambda *_: torch.full((1,), 2 * torch.pi / 3))
    (turned,) = turn_hue(flat(RED), torch.tensor([1]), generator())
    torch.testing.assert_close(turned[:, 0, 0], RED.roll(1))


def test_augmented_photos_stay_in_range_and_differ_from_each_other() -> None:
    photos = torch.randint(0, 256, (1, 16, 16, 3), generator=generator(), dtype=torch.uint8).expand(8, -1, -1, -1)
    varied = augment(photos, generator(), hues_of=torch.arange(8) // 2)
    assert varied.shape == photos.shape
    assert varied.min() >= 0
    assert varied.max() <= 255
    assert len({photo.sum().item() for photo in varied}) == 8


def test_equal_seeds_give_equal_augmentation() -> None:
    photos = torch.randint(0, 256, (4, 16, 16, 3), generator=generator(), dtype=torch.uint8)
    listings = torch.tensor([0, 0, 1, 1])
    one, other = (augment(photos, generator(3), hues_of=listings) for _ in range(2))
    torch.testing.assert_close(one, other)


def test_without_items_hues_are_not_turned() -> None:
    red = RED.to(torch.uint8).expand(4, 8, 8, 3)
    varied = augment(red, generator())
    assert (varied[..., 0] > varied[..., 2]).all()
    assert (varied[..., 2] > varied[..., 1]).all()
