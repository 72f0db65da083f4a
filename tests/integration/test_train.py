"""Training, with a real ResNet-50 on real JPEGs, small enough to take seconds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ml.data import LabelledPhoto
from ml.embedder import open_embedder
from ml.evaluate import evaluate
from ml.recipes import FROM_SCRATCH, FROZEN_TRUNK, TrainingError, Unfreezing

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from safetensors.torch import load_file, save_file  # noqa: E402
from torchvision.models import resnet50  # noqa: E402

from ml.distributed import Workers  # noqa: E402
from ml.export import PROBABILITY_TOLERANCE, VECTOR_TOLERANCE, export_bundle  # noqa: E402
from ml.run_folder import RunBusy, RunFolder  # noqa: E402
from ml.train import RECORD, train  # noqa: E402
from tests.integration.distributed_child import gradient  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from ml.recipes import TrainConfig

pytestmark = pytest.mark.train

TINY = replace(FROM_SCRATCH, validation=0.1, size=32, epochs=2, pairs_per_batch=4, vector_size=16)
TINY_FROZEN = replace(
    FROZEN_TRUNK,
    size=32,
    epochs=60,
    crops=1,
    pairs_per_batch=8,
    vector_size=16,
    whitened_size=8,
    dropout=0.0,
    learning_rate=1e-2,
    patience=60,
)
UNFROZEN = replace(
    TINY_FROZEN,
    epochs=1,
    learning_rate=1e-6,  # the heads alone learn nothing, so that there is something to gain
    unfreeze=Unfreezing(stages=1, epochs=20, pairs_per_batch=8, learning_rate=1e-3),
)
CATEGORIES = ("plain", "striped")


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


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


def test_training_twice_with_one_seed_gives_the_same_network(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    first, second = (
        train(order, TINY, weights=None, home=tmp_path / name, progress=silent)
        for name, order in (("first", photos), ("second", photos[::-1]))
    )
    assert first.metrics == second.metrics
    assert first.record.history == second.record.history
    assert first.split_record() == second.split_record()
    for ours, theirs in zip(first.network.state_dict().values(), second.network.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_leaves_its_record_and_curves_and_when_cleared_nothing_large(
    photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].path.read_bytes()[:100])
    missing = replace(photos[0], photo_id=1001, path=tmp_path / "missing.jpg")
    told: list[str] = []
    result = train(
        [*photos, replace(photos[0], photo_id=1000, path=broken), missing],
        replace(TINY, epochs=1),
        weights=None,
        home=tmp_path / "models",
        progress=lambda stage, _done, _total: told.append(stage),
    )
    assert (result.record.photos, result.record.unreadable) == (40, 2)
    assert list(dict.fromkeys(told)) == ["decode photos", "compare photos", "train", "describe photos"]
    written = json.loads((result.folder.path / RECORD).read_text())
    assert written["metrics"] == result.metrics.by_name()
    result.folder.clear()
    left = [file for file in result.folder.path.rglob("*") if file.is_file()]
    assert any(file.name.startswith("events.out.tfevents") for file in left)
    assert not any(file.suffix in {".npy", ".pt", ".bin"} for file in left)


def test_the_curves_show_loss_and_validation_of_each_epoch(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(photos, TINY, weights=None, home=tmp_path, progress=silent)
    drawn = EventAccumulator(str(result.folder.path)).Reload()
    assert [event.step for event in drawn.Scalars("training/loss")] == [0, 1]
    assert [event.value for event in drawn.Scalars("validation/category_accuracy")] == pytest.approx(
        [scores.category_accuracy for scores in result.record.history.scores if scores]
    )
    assert (result.folder.path / "projector_config.pbtxt").is_file()


class Killed(BaseException):
    """What a test stops a training with."""


@pytest.mark.parametrize(
    ("stage", "config"),
    [
        ("decode photos", TINY_FROZEN),
        ("describe mirrored photos", TINY_FROZEN),
        ("train", TINY_FROZEN),
        ("train the end of the trunk", UNFROZEN),
        ("describe photos again", UNFROZEN),
    ],
)
def test_a_training_that_died_in_any_stage_ends_as_if_it_had_not(
    stage: str, config: TrainConfig, photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    def die(at: str, done: int, total: int) -> None:
        if at == stage and done > total / 2:
            raise Killed

    undisturbed = train(photos, config, weights=imagenet_like, home=tmp_path / "undisturbed", progress=silent)
    with pytest.raises(Killed):
        train(photos, config, weights=imagenet_like, home=tmp_path / "killed", progress=die)
    told: list[str] = []
    resumed = train(
        photos,
        config,
        weights=imagenet_like,
        home=tmp_path / "killed",
        progress=lambda at, _done, _total: told.append(at),
    )
    assert told[0] == stage, "what was whole is not done again"
    assert resumed.metrics == undisturbed.metrics
    for ours, theirs in zip(
        resumed.network.state_dict().values(), undisturbed.network.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_two_processes_cannot_be_at_one_training(tmp_path: Path) -> None:
    first = RunFolder.of(tmp_path, ["inputs"])
    first.claim()
    with pytest.raises(RunBusy, match="another process is at this very training"):
        RunFolder.of(tmp_path, ["inputs"]).claim()


def test_what_an_abandoned_run_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    abandoned = RunFolder.of(tmp_path, ["inputs"])
    abandoned.path.mkdir()
    abandoned.array("pixels", (2,), np.uint8, lambda array: array.fill(1))
    (abandoned.path / RECORD).write_text("{}")
    other = RunFolder.of(tmp_path, ["other inputs"])
    other.claim()
    assert [file.name for file in abandoned.path.iterdir() if file.name != "lock"] == [RECORD]


def test_a_frozen_trunk_stays_exactly_as_it_was(
    photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    result = train(photos, TINY_FROZEN, weights=imagenet_like, home=tmp_path, progress=silent)
    given = load_file(imagenet_like)
    for name, weights in result.network.trunk.state_dict().items():
        assert torch.equal(weights, given[name]), name
    assert result.record.history.losses[-1] < result.record.history.losses[0]
    assert result.record.folded_batch_norms is True  # fresh batch norms: mean 0, variance 1


def test_the_network_returned_gives_the_vectors_that_were_measured(
    photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    result = train(photos, TINY_FROZEN, weights=imagenet_like, home=tmp_path, progress=silent)
    pixels = np.stack([result.preprocessing.load(photo.path.read_bytes()) for photo in photos])
    with torch.inference_mode():
        vectors, probabilities = result.network(torch.from_numpy(pixels))
    held_out = set(result.split.held_out)
    rows = np.array([row for row, photo in enumerate(photos) if photo in held_out])
    metrics = evaluate(photos, vectors.numpy(), probabilities.numpy(), categories=result.categories, held_out=rows)
    assert metrics.category_accuracy == pytest.approx(result.metrics.category_accuracy, abs=0.13)  # one photo of eight


def test_a_trained_network_with_its_memory_is_exported_and_embeds_as_it_did(
    photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    result = train(photos, TINY_FROZEN, weights=imagenet_like, home=tmp_path / "models", progress=silent)
    assert len(result.network.memory_items) == len(result.split.train)
    bundle = export_bundle(
        result.network,
        categories=result.categories,
        preprocessing=result.preprocessing,
        metrics=result.metrics.by_name(),
        record=result.record.to_json(),
        calibration=result.calibration,
        split=result.split_record(),
        out=tmp_path / "bundle",
    )
    pixels = np.stack([result.preprocessing.load(photo.path.read_bytes()) for photo in photos[:8]])
    with torch.inference_mode():
        vectors, probabilities = result.network(torch.from_numpy(pixels))
    for runtime in ("openvino", "torch"):
        found = open_embedder(bundle, runtime=runtime, precision="f32", device="cpu").embed(pixels)
        np.testing.assert_allclose(found.vectors, vectors.numpy(), atol=VECTOR_TOLERANCE)
        np.testing.assert_allclose(found.probabilities, probabilities.numpy(), atol=PROBABILITY_TOLERANCE)


def test_only_the_end_of_an_unfrozen_trunk_learns_and_its_batch_norms_keep_their_statistics(
    photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    result = train(photos, UNFROZEN, weights=imagenet_like, home=tmp_path, progress=silent)
    assert result.record.unfrozen_kept
    given, trunk = load_file(imagenet_like), result.network.trunk.state_dict()
    assert all(torch.equal(trunk[name], given[name]) for name in trunk if not name.startswith("layer4"))
    assert not torch.equal(trunk["layer4.2.conv3.weight"], given["layer4.2.conv3.weight"])
    assert all(torch.equal(trunk[name], given[name]) for name in trunk if "running" in name)


def test_unfreezing_that_validation_does_not_gain_by_is_undone(
    photos: list[LabelledPhoto], imagenet_like: Path, tmp_path: Path
) -> None:
    unfreeze = Unfreezing(stages=4, epochs=1, pairs_per_batch=8, learning_rate=1e-9)
    result = train(
        photos, replace(TINY_FROZEN, unfreeze=unfreeze), weights=imagenet_like, home=tmp_path / "un", progress=silent
    )
    frozen = train(photos, TINY_FROZEN, weights=imagenet_like, home=tmp_path / "frozen", progress=silent)
    assert result.record.unfrozen_history is not None
    assert not result.record.unfrozen_kept
    for ours, theirs in zip(result.network.state_dict().values(), frozen.network.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_frozen_trunk_without_weights_is_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="frozen trunk was asked for without ImageNet weights"):
        train(photos, TINY_FROZEN, weights=None, home=tmp_path, progress=silent)


def test_too_few_listings_are_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="1 listings with a readable photo are too few"):
        train(photos[:2], TINY, weights=None, home=tmp_path, progress=silent)


def test_photos_of_which_none_can_be_read_are_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    gone = [replace(photo, path=tmp_path / "gone.jpg") for photo in photos]
    with pytest.raises(TrainingError, match="0 listings with a readable photo are too few"):
        train(gone, TINY, weights=None, home=tmp_path, progress=silent)


def test_processes_that_torchrun_starts_train_one_network_together(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    rows = [{**asdict(photo), "path": str(photo.path)} for photo in photos]
    (tmp_path / "photos.json").write_text(json.dumps(rows))
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    child = subprocess.run(
        [sys.executable, *command, "tests.integration.distributed_child", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert child.returncode == 0, child.stderr
    first, second = (torch.load(tmp_path / f"process-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(first["weights"], second["weights"])
    assert [first["writes"], second["writes"]] == [True, False]
    torch.testing.assert_close(first["gradient"], gradient(Workers()))  # as if one process had had the whole batch
