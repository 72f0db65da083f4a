"""Training on real JPEGs, of networks with a small trunk. `test_train_and_promote` trains a real ResNet-50."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle.manifest import ModelDescription
from ml.embedding.open_embedder import open_embedder
from ml.training.optimise import ValidationScores
from ml.training.recipes import TrainingError

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from safetensors.torch import load_file, save_file  # noqa: E402
from torch.distributed.run import main as torchrun  # noqa: E402

from ml.export.write_bundle import PROBABILITY_TOLERANCE, VECTOR_TOLERANCE, export_bundle  # noqa: E402
from ml.training.distributed import TrainingProcesses  # noqa: E402
from ml.training.run_folder import RunBusy, RunFolder  # noqa: E402
from ml.training.train import RECORD_FILE, train  # noqa: E402
from tests.integration.ml.distributed_child import gradient  # noqa: E402
from tests.networks import small_resnet50  # noqa: E402
from tests.trainings import (  # noqa: E402
    FROZEN,
    TINY,
    UNFREEZING,
    UNFROZEN,
    Finished,
    described_in_f32,
    finished,
    same_network,
    write_photos,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.labelled import LabelledPhoto
    from ml.training.recipes import TrainConfig

pytestmark = pytest.mark.train


class Killed(BaseException):
    """What a test stops a training with."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module", autouse=True)
def _in_f32(small_trunks: None) -> Iterator[None]:
    with described_in_f32():
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledPhoto]:
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def imagenet_like(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the right shapes: a random trunk stands where the learnt one would."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "resnet50.safetensors"
    save_file(small_resnet50().state_dict(), file)
    return file


@pytest.fixture(scope="module")
def with_unreadable(photos: list[LabelledPhoto]) -> list[LabelledPhoto]:
    """The photos, a damaged one, and one that is not there."""
    folder = photos[0].path.parent
    broken = folder / "broken.jpg"
    broken.write_bytes(photos[0].path.read_bytes()[:100])
    unreadable = (broken, folder / "missing.jpg")
    return [*photos, *(replace(photos[0], photo_id=1000 + n, path=path) for n, path in enumerate(unreadable))]


@pytest.fixture(scope="module")
def from_scratch(with_unreadable: list[LabelledPhoto], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished(with_unreadable, TINY, home=tmp_path_factory.mktemp("from-scratch"))


@pytest.fixture(scope="module")
def frozen(photos: list[LabelledPhoto], imagenet_like: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished(photos, FROZEN, weights=imagenet_like, home=tmp_path_factory.mktemp("frozen"))


@pytest.fixture(scope="module")
def unfrozen(photos: list[LabelledPhoto], imagenet_like: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished(photos, UNFROZEN, weights=imagenet_like, home=tmp_path_factory.mktemp("unfrozen"))


def test_training_twice_with_one_seed_gives_the_same_network(
    from_scratch: Finished, with_unreadable: list[LabelledPhoto], tmp_path: Path
) -> None:
    again = finished(with_unreadable[::-1], TINY, home=tmp_path)
    assert again.result.metrics == from_scratch.result.metrics
    assert again.result.record.history == from_scratch.result.record.history
    assert again.result.split_record() == from_scratch.result.split_record()
    assert same_network(again, from_scratch)


def test_a_run_leaves_its_record_and_curves_and_when_cleared_nothing_large(
    from_scratch: Finished, tmp_path: Path
) -> None:
    result = from_scratch.result
    assert (result.record.photos, result.record.unreadable) == (40, 2)
    assert from_scratch.stages == ("decode photos", "compare photos", "train", "describe photos")
    copy = shutil.copytree(result.folder.path, tmp_path / "copy")
    assert json.loads((copy / RECORD_FILE).read_text())["metrics"] == result.metrics.by_name()
    large = {".npy", ".pt", ".bin"}
    assert {file.suffix for file in copy.iterdir()} >= large
    RunFolder(copy).clear()
    left = [file for file in copy.rglob("*") if file.is_file()]
    assert any(file.name.startswith("events.out.tfevents") for file in left)
    assert not any(file.suffix in large for file in left)


def test_the_curves_show_loss_and_validation_of_each_epoch(from_scratch: Finished) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = from_scratch.result
    drawn = EventAccumulator(str(result.folder.path)).Reload()
    assert [event.step for event in drawn.Scalars("training/loss")] == [0, 1]
    assert [event.value for event in drawn.Scalars("validation/category_accuracy")] == pytest.approx(
        [scores.category_accuracy for scores in result.record.history.scores if scores]
    )
    assert (result.folder.path / "projector_config.pbtxt").is_file()


@pytest.mark.parametrize(
    ("stage", "config"),
    [
        pytest.param("decode photos", FROZEN, marks=pytest.mark.slow),
        ("describe mirrored photos", FROZEN),
        pytest.param("train", FROZEN, marks=pytest.mark.slow),
        ("train the end of the trunk", UNFROZEN),
        pytest.param("describe photos again", UNFROZEN, marks=pytest.mark.slow),
    ],
)
def test_a_training_that_died_in_any_stage_ends_as_if_it_had_not(
    stage: str,
    config: TrainConfig,
    photos: list[LabelledPhoto],
    imagenet_like: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    def die(at: str, done: int, total: int) -> None:
        if at == stage and done > total / 2:
            raise Killed

    undisturbed: Finished = request.getfixturevalue("frozen" if config is FROZEN else "unfrozen")
    with pytest.raises(Killed):
        train(photos, config, weights=imagenet_like, home=tmp_path, progress=die)
    resumed = finished(photos, config, weights=imagenet_like, home=tmp_path)
    assert resumed.stages == undisturbed.stages[undisturbed.stages.index(stage) :], "what was whole is not done again"
    assert resumed.result.metrics == undisturbed.result.metrics
    assert same_network(resumed, undisturbed)


def test_two_processes_cannot_be_at_one_training(tmp_path: Path) -> None:
    first = RunFolder.of(tmp_path, ["inputs"])
    first.claim()
    with pytest.raises(RunBusy, match="another process is running this training"):
        RunFolder.of(tmp_path, ["inputs"]).claim()


def test_what_an_abandoned_run_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    abandoned = RunFolder.of(tmp_path, ["inputs"])
    abandoned.path.mkdir()
    abandoned.array("pixels", (2,), np.uint8, lambda array: array.fill(1))
    (abandoned.path / RECORD_FILE).write_text("{}")
    other = RunFolder.of(tmp_path, ["other inputs"])
    other.claim()
    assert [file.name for file in abandoned.path.iterdir() if file.name != "lock"] == [RECORD_FILE]


def test_a_frozen_trunk_stays_exactly_as_it_was(frozen: Finished, imagenet_like: Path) -> None:
    given = load_file(imagenet_like)
    for name, weights in frozen.result.network.trunk.state_dict().items():
        assert torch.equal(weights, given[name]), name
    record = frozen.result.record
    assert record.history.losses[-1] < record.history.losses[0]
    assert record.folded_batch_norms is True  # fresh batch norms: mean 0, variance 1


def test_the_network_returned_gives_the_vectors_that_were_measured(
    frozen: Finished, photos: list[LabelledPhoto]
) -> None:
    network, preprocessing = frozen.result.network, frozen.result.preprocessing
    pixels = np.stack([preprocessing.load(photo.path.read_bytes()) for photo in photos])
    with torch.inference_mode():
        vectors, probabilities = network(torch.from_numpy(pixels))
    np.testing.assert_allclose(frozen.vectors, vectors.numpy(), atol=VECTOR_TOLERANCE)
    np.testing.assert_allclose(frozen.probabilities, probabilities.numpy(), atol=PROBABILITY_TOLERANCE)


def test_a_trained_network_with_its_memory_is_exported_and_embeds_as_it_did(
    frozen: Finished, photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    result = frozen.result
    assert len(result.network.memory_items) == len(result.split.train)
    bundle = export_bundle(
        result.network,
        tmp_path / "bundle",
        description=ModelDescription(
            categories=result.categories,
            preprocessing=result.preprocessing,
            metrics=result.metrics.by_name(),
            record=result.record.to_json(),
            calibration=result.calibration,
            split=result.split_record(),
        ),
    )
    pixels = np.stack([result.preprocessing.load(photo.path.read_bytes()) for photo in photos[:8]])
    with torch.inference_mode():
        vectors, probabilities = result.network(torch.from_numpy(pixels))
    for runtime in ("openvino", "torch"):
        found = open_embedder(bundle, runtime=runtime, precision="f32", device="cpu").embed(pixels)
        np.testing.assert_allclose(found.vectors, vectors.numpy(), atol=VECTOR_TOLERANCE)
        np.testing.assert_allclose(found.probabilities, probabilities.numpy(), atol=PROBABILITY_TOLERANCE)


def test_only_the_end_of_an_unfrozen_trunk_learns_and_its_batch_norms_keep_their_statistics(
    unfrozen: Finished, imagenet_like: Path
) -> None:
    assert unfrozen.result.record.unfrozen_kept
    given, trunk = load_file(imagenet_like), unfrozen.result.network.trunk.state_dict()
    learnt = {name for name in trunk if not torch.equal(trunk[name], given[name])}
    assert "layer4.0.conv3.weight" in learnt
    assert all(name.startswith("layer4") and "running" not in name for name in learnt)


@pytest.mark.parametrize(("after", "kept"), [(0.6, True), (0.5, False)])
def test_what_an_unfrozen_trunk_learnt_is_kept_exactly_where_validation_gains(
    after: float,
    kept: bool,
    frozen: Finished,
    photos: list[LabelledPhoto],
    imagenet_like: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = iter([ValidationScores(0.5, 0.0, 0.0), ValidationScores(after, 0.0, 0.0)])
    monkeypatch.setattr("ml.training.strategies.NetworkTask.validate", lambda _task: next(scores))
    config = replace(FROZEN, unfreeze=replace(UNFREEZING, epochs=1))
    found = finished(photos, config, weights=imagenet_like, home=tmp_path)
    assert found.result.record.unfrozen_history is not None
    assert found.result.record.unfrozen_kept is kept
    if kept:
        assert not torch.equal(found.weights["projection.weight"], frozen.weights["projection.weight"])
    else:
        assert same_network(found, frozen)


def test_a_frozen_trunk_without_weights_is_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="needs pretrained weights"):
        train(photos, FROZEN, weights=None, home=tmp_path, progress=silent)


def test_too_few_listings_are_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Too few listings have a readable photo \(1\)"):
        train(photos[:2], TINY, weights=None, home=tmp_path, progress=silent)


def test_photos_of_which_none_can_be_read_are_refused(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    gone = [replace(photo, path=tmp_path / "gone.jpg") for photo in photos]
    with pytest.raises(TrainingError, match=r"Too few listings have a readable photo \(0\)"):
        train(gone, TINY, weights=None, home=tmp_path, progress=silent)


def test_processes_that_torchrun_starts_train_one_network_together(
    photos: list[LabelledPhoto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{**asdict(photo), "path": str(photo.path)} for photo in photos]
    (tmp_path / "photos.json").write_text(json.dumps(rows))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    child = ["-m", "tests.integration.ml.distributed_child", str(tmp_path)]
    torchrun(["--standalone", "--nproc-per-node", "2", *child])
    first, second = (torch.load(tmp_path / f"process-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(first["weights"], second["weights"])
    assert [first["writes"], second["writes"]] == [True, False]
    torch.testing.assert_close(
        first["gradient"], gradient(TrainingProcesses())
    )  # as if one process had had the whole batch
