"""Training, with a real ResNet-50 on real JPEGs, small enough to take seconds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ml.data import LabelledPhoto
from ml.evaluate import evaluate
from ml.recipes import FROM_SCRATCH, FROZEN_TRUNK, TrainingError

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from safetensors.torch import load_file, save_file  # noqa: E402
from torchvision.models import resnet50  # noqa: E402

from ml.fit import Labels, fit_heads, fit_network  # noqa: E402
from ml.heads import WhitenedHeads, fit_whitening  # noqa: E402
from ml.model import DESCRIPTOR_SIZE, LookalikeNet  # noqa: E402
from ml.preprocess import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402
from ml.train import RECORD, train  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.train

TINY = replace(FROM_SCRATCH, size=32, epochs=2, pairs_per_batch=4, vector_size=16)
TINY_FROZEN = replace(
    FROZEN_TRUNK, size=32, epochs=60, crops=1, pairs_per_batch=8, vector_size=16, whitened_size=8, dropout=0.0
)
CATEGORIES = ("plain", "striped")


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def steps(_done: int, _total: int) -> None:
    """Steps that nobody watches."""


def picture(colour: np.ndarray, category: str, *, light: int) -> np.ndarray:
    """A plain or striped picture, uint8 (48, 48, 3)."""
    pixels = np.broadcast_to(colour, (48, 48, 3)).copy()
    if category == "striped":
        pixels[::4] = 255 - pixels[::4]
    return np.clip(pixels.astype(int) + light, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledPhoto]:
    """Two photos, in different light, of ten listings in each of two categories."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    made = []
    for listing in range(20):
        colour, category = rng.integers(0, 256, 3), CATEGORIES[listing % 2]
        for light in (-20, 20):
            path = folder / f"{listing}{light:+}.jpg"
            Image.fromarray(picture(colour, category, light=light)).save(path, quality=95)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            made.append(LabelledPhoto(len(made) + 1, f"listing-{listing}", category, sha256, path))
    return made


@pytest.fixture(scope="module")
def imagenet_like(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the right shapes: a random trunk stands where the learnt one would."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "resnet50.safetensors"
    save_file(resnet50(weights=None).state_dict(), file)
    return file


@pytest.fixture(scope="module")
def one_batch() -> tuple[np.ndarray, Labels]:
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (4, 3))
    pixels = [
        picture(colours[listing], CATEGORIES[listing % 2], light=light)[:32, :32]
        for listing in range(4)
        for light in (-20, 20)
    ]
    items = np.repeat(np.arange(4), 2)
    return np.stack(pixels), Labels(rows=np.arange(8), categories=items % 2, items=items)


def test_a_tiny_network_overfits_one_batch(one_batch: tuple[np.ndarray, Labels]) -> None:
    pixels, labels = one_batch
    torch.manual_seed(0)
    network = LookalikeNet(2, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    network.prepare_for_random_trunk()
    config = replace(TINY, epochs=60, label_smoothing=0.0, contrastive_weight=1.0)
    losses = fit_network(network, pixels, labels, config=config, progress=steps)
    assert losses[0] > 1.5
    assert losses[-1] < 0.5
    with torch.inference_mode():
        _, probabilities = network(torch.from_numpy(pixels))
    assert probabilities.argmax(dim=1).tolist() == labels.categories.tolist()


def test_the_heads_overfit_one_batch() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 8, 24)
    items = np.repeat(np.arange(4), 2)
    labels = Labels(rows=np.arange(8), categories=items % 2, items=items)
    heads = WhitenedHeads(24, vector_size=16, categories=2)
    config = replace(TINY_FROZEN, epochs=200, learning_rate=1e-2, label_smoothing=0.0, category_contrastive_weight=0.0)
    losses = fit_heads(heads, features, labels, config=config, progress=steps)
    assert losses[-1] < 0.1 < losses[0]


def test_a_hopeless_learning_rate_is_reported_as_divergence(one_batch: tuple[np.ndarray, Labels]) -> None:
    pixels, labels = one_batch
    network = LookalikeNet(2, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    with pytest.raises(TrainingError, match="lower learning rate"):
        fit_network(network, pixels, labels, config=replace(TINY, learning_rate=1e30, epochs=5), progress=steps)


def test_whitened_descriptors_are_uncorrelated_and_of_variance_one() -> None:
    torch.manual_seed(0)
    descriptors = torch.randn(200, 8) @ torch.randn(8, DESCRIPTOR_SIZE)
    whitened = fit_whitening(descriptors, size=5, power=1.0)(descriptors)
    assert whitened.norm(dim=1).mean() == pytest.approx(15**0.5)
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
    whitened = torch.randn(500, 4) * torch.tensor([1.0, 5.0, 2.0, 0.1])
    heads = WhitenedHeads(4, vector_size=2, categories=3)
    heads.project_principal_components(whitened - whitened.mean(dim=0))
    kept = heads.projection(whitened - whitened.mean(dim=0)).var(dim=0).sum()
    torch.testing.assert_close(kept, whitened[:, 1:3].var(dim=0).sum(), rtol=0.02, atol=0)


def test_folded_heads_do_what_the_whitened_ones_did() -> None:
    torch.manual_seed(0)
    network = LookalikeNet(2, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    descriptors = torch.rand(50, DESCRIPTOR_SIZE)
    whitening = fit_whitening(descriptors, size=10, power=0.75)
    heads = WhitenedHeads(30, vector_size=16, categories=2)
    heads.fold_into(network, whitening)
    with torch.inference_mode():
        expected, found = heads(whitening(descriptors)), network.heads(descriptors)
    torch.testing.assert_close(found.vectors, expected.vectors, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-3, rtol=0)


def test_training_twice_with_one_seed_gives_the_same_network(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    first, second = (
        train(order, TINY, weights=None, out=tmp_path / name, progress=silent)
        for name, order in (("first", photos), ("second", photos[::-1]))
    )
    assert first.metrics == second.metrics
    assert first.record.losses == second.record.losses
    assert first.record.held_out_listings == second.record.held_out_listings
    for ours, theirs in zip(first.network.state_dict().values(), second.network.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_leaves_its_record_and_nothing_else(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].path.read_bytes()[:100])
    missing = replace(photos[0], photo_id=1001, path=tmp_path / "missing.jpg")
    told: list[str] = []
    result = train(
        [*photos, replace(photos[0], photo_id=1000, path=broken), missing],
        replace(TINY, epochs=1),
        weights=None,
        out=tmp_path / "out",
        progress=lambda stage, _done, _total: told.append(stage),
    )
    assert (result.record.photos, result.record.unreadable) == (40, 2)
    assert list(dict.fromkeys(told)) == ["decode photos", "train", "describe photos"]
    assert [file.name for file in (tmp_path / "out").iterdir()] == [RECORD]
    written = json.loads((tmp_path / "out" / RECORD).read_text())
    assert written["metrics"] == result.metrics.by_name()
    assert written["held_out_listings"] == sorted({photo.listing_id for photo in result.split.held_out})


def test_a_frozen_trunk_stays_exactly_as_it_was(
    photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    result = train(photos, TINY_FROZEN, weights=imagenet_like, out=tmp_path, progress=silent)
    given = load_file(imagenet_like)
    for name, weights in result.network.trunk.state_dict().items():
        assert torch.equal(weights, given[name]), name
    assert result.record.losses[-1] < result.record.losses[0]
    assert result.record.folded_batch_norms is True  # fresh batch norms: mean 0, variance 1


def test_the_network_returned_gives_the_vectors_that_were_measured(
    photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    result = train(photos, TINY_FROZEN, weights=imagenet_like, out=tmp_path, progress=silent)
    pixels = np.stack([result.preprocessing.load(photo.path.read_bytes()) for photo in photos])
    with torch.inference_mode():
        vectors, probabilities = result.network(torch.from_numpy(pixels))
    held_out = set(result.split.held_out)
    rows = np.array([row for row, photo in enumerate(photos) if photo in held_out])
    metrics = evaluate(photos, vectors.numpy(), probabilities.numpy(), categories=result.categories, held_out=rows)
    assert metrics.category_accuracy == pytest.approx(result.metrics.category_accuracy, abs=0.13)  # one photo of eight


def test_a_frozen_trunk_without_weights_is_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="frozen trunk was asked for without ImageNet weights"):
        train(photos, TINY_FROZEN, weights=None, out=tmp_path, progress=silent)


def test_too_few_listings_are_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="1 listings with a readable photo are too few"):
        train(photos[:2], TINY, weights=None, out=tmp_path, progress=silent)


def test_photos_of_which_none_can_be_read_are_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    gone = [replace(photo, path=tmp_path / "gone.jpg") for photo in photos]
    with pytest.raises(TrainingError, match="0 listings with a readable photo are too few"):
        train(gone, TINY, weights=None, out=tmp_path, progress=silent)
