"""Training networks with a small trunk on real JPEGs; `test_trained_model` trains a real ResNet-50."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.embedding.open_embedder import open_embedder
from ml.training.dataset.summary import TooFewListings
from ml.training.dataset.training_data import TrainingData
from ml.training.optimise import ValidationScores
from ml.training.recipes import TrainingError

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from safetensors.torch import load_file, save_file  # noqa: E402
from torch.distributed import destroy_process_group  # noqa: E402
from torch.distributed.run import main as torchrun  # noqa: E402

from ml.export.write_bundle import PROBABILITY_TOLERANCE, VECTOR_TOLERANCE, export_bundle  # noqa: E402
from ml.training.run.distributed import TrainingProcesses  # noqa: E402
from ml.training.run.run_folder import RunBusy, RunFolder  # noqa: E402
from ml.training.train import RECORD_FILE, train  # noqa: E402
from tests.integration.ml.distributed_child import gradient, train_together  # noqa: E402
from tests.networks import small_resnet50  # noqa: E402
from tests.trainings import (  # noqa: E402
    FROZEN,
    TINY,
    UNFREEZING,
    UNFROZEN,
    FinishedRun,
    TrainingKilled,
    described_in_f32,
    finished,
    same_network,
    write_photos,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ml.labelled import LabelledPhoto
    from ml.training.recipes import TrainConfig

pytestmark = pytest.mark.train

CHILD = ("-m", "tests.integration.ml.distributed_child")


def ignore_progress(_stage: str, _done: int, _total: int) -> None:
    """Ignore progress."""


@pytest.fixture(scope="module", autouse=True)
def _in_f32(small_trunks: None) -> Iterator[None]:
    with described_in_f32():
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledPhoto]:
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights with the shapes of ImageNet weights."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "resnet50.safetensors"
    save_file(small_resnet50().state_dict(), file)
    return file


@pytest.fixture(scope="module")
def with_unreadable(photos: list[LabelledPhoto]) -> list[LabelledPhoto]:
    """The photos, a damaged one, and a missing one."""
    folder = photos[0].path.parent
    broken = folder / "broken.jpg"
    broken.write_bytes(photos[0].path.read_bytes()[:100])
    unreadable = (broken, folder / "missing.jpg")
    return [*photos, *(replace(photos[0], photo_id=1000 + n, path=path) for n, path in enumerate(unreadable))]


@pytest.fixture(scope="module")
def from_scratch(with_unreadable: list[LabelledPhoto], tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return finished(with_unreadable, TINY, home=tmp_path_factory.mktemp("from-scratch"))


@pytest.fixture(scope="module")
def frozen(photos: list[LabelledPhoto], pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return finished(photos, FROZEN, weights=pretrained, home=tmp_path_factory.mktemp("frozen"))


@pytest.fixture(scope="module")
def unfrozen(photos: list[LabelledPhoto], pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return finished(photos, UNFROZEN, weights=pretrained, home=tmp_path_factory.mktemp("unfrozen"))


def test_equal_seeds_train_equal_networks(
    from_scratch: FinishedRun, with_unreadable: list[LabelledPhoto], tmp_path: Path
) -> None:
    again = finished(with_unreadable[::-1], TINY, home=tmp_path)
    assert again.result.metrics == from_scratch.result.metrics
    assert again.result.record.history == from_scratch.result.record.history
    assert again.result.split_record() == from_scratch.result.split_record()
    assert same_network(again, from_scratch)


def test_clearing_a_run_keeps_its_record_and_logs_and_removes_large_files(
    from_scratch: FinishedRun, tmp_path: Path
) -> None:
    result = from_scratch.result
    assert (result.record.photos, result.record.unreadable) == (40, 2)
    assert from_scratch.stages == ("decode photos", "hash photos", "compare photos", "train", "describe photos")
    copy = shutil.copytree(result.folder.path, tmp_path / "copy")
    assert json.loads((copy / RECORD_FILE).read_text())["metrics"] == result.metrics
    large = {".npy", ".pt", ".bin"}
    assert {file.suffix for file in copy.iterdir()} >= large
    RunFolder(copy).clear()
    left = [file for file in copy.rglob("*") if file.is_file()]
    assert any(file.name.startswith("events.out.tfevents") for file in left)
    assert not any(file.suffix in large for file in left)


def test_logs_loss_and_validation_scores_of_each_epoch(from_scratch: FinishedRun) -> None:
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
        pytest.param("train the end of the trunk", UNFROZEN, marks=pytest.mark.slow),
        pytest.param("describe photos again", UNFROZEN, marks=pytest.mark.slow),
    ],
)
def test_a_training_killed_in_any_stage_resumes_to_the_same_network(
    stage: str,
    config: TrainConfig,
    photos: list[LabelledPhoto],
    pretrained: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    def die(at: str, done: int, total: int) -> None:
        if at == stage and done > total / 2:
            raise TrainingKilled

    uninterrupted: FinishedRun = request.getfixturevalue("frozen" if config is FROZEN else "unfrozen")
    with pytest.raises(TrainingKilled):
        train(TrainingData(photos), config, weights=pretrained, home=tmp_path, progress=die)
    resumed = finished(photos, config, weights=pretrained, home=tmp_path)
    assert resumed.stages == uninterrupted.stages[uninterrupted.stages.index(stage) :], "finished stages are skipped"
    assert resumed.result.metrics == uninterrupted.result.metrics
    assert same_network(resumed, uninterrupted)


def test_a_second_process_cannot_claim_the_same_run(tmp_path: Path) -> None:
    first = RunFolder.of(tmp_path, ["inputs"])
    first.claim()
    with pytest.raises(RunBusy, match="another process is running this training"):
        RunFolder.of(tmp_path, ["inputs"]).claim()


def test_claiming_a_run_clears_abandoned_runs_and_says_which_was_not_finished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    abandoned = RunFolder.of(tmp_path, ["inputs"])
    abandoned.path.mkdir()
    abandoned.array("pixels", (2,), dtype=np.uint8, fill=lambda array: array.fill(1))
    (abandoned.path / RECORD_FILE).write_text("{}")
    for name in ("other inputs", "again others"):
        RunFolder.of(tmp_path, [name]).claim()
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        f"this training starts anew instead of going on with {abandoned.path.name}"
    ]
    assert [file.name for file in abandoned.path.iterdir() if file.name != "lock"] == [RECORD_FILE]


def test_training_the_heads_does_not_change_a_frozen_trunk(frozen: FinishedRun, pretrained: Path) -> None:
    given = load_file(pretrained)
    for name, weights in frozen.result.network.trunk.state_dict().items():
        assert torch.equal(weights, given[name]), name
    record = frozen.result.record
    assert record.history.losses[-1] < record.history.losses[0]
    assert record.folded_batch_norms is True  # fresh batch norms: mean 0, variance 1


def test_the_returned_network_gives_the_measured_vectors(frozen: FinishedRun, photos: list[LabelledPhoto]) -> None:
    network, preprocessing = frozen.result.network, frozen.result.preprocessing
    pixels = np.stack([preprocessing.load(photo.path.read_bytes()) for photo in photos])
    with torch.inference_mode():
        vectors, probabilities = network(torch.from_numpy(pixels))
    np.testing.assert_allclose(frozen.vectors, vectors.numpy(), atol=VECTOR_TOLERANCE)
    np.testing.assert_allclose(frozen.probabilities, probabilities.numpy(), atol=PROBABILITY_TOLERANCE)


def test_an_exported_network_with_a_memory_gives_the_same_vectors(
    frozen: FinishedRun, photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    result = frozen.result
    assert len(result.network.memory_items) == len(result.split.train)
    bundle = export_bundle(
        result.network,
        tmp_path / "bundle",
        description=result.description(),
    )
    pixels = np.stack([result.preprocessing.load(photo.path.read_bytes()) for photo in photos[:8]])
    with torch.inference_mode():
        vectors, probabilities = result.network(torch.from_numpy(pixels))
    for runtime in ("openvino", "torch"):
        found = open_embedder(bundle, runtime=runtime, precision="f32", device="cpu").embed(pixels)
        np.testing.assert_allclose(found.vectors, vectors.numpy(), atol=VECTOR_TOLERANCE)
        np.testing.assert_allclose(found.probabilities, probabilities.numpy(), atol=PROBABILITY_TOLERANCE)


def test_unfreezing_changes_the_last_stage_only_and_no_batch_norm_statistics(
    unfrozen: FinishedRun, pretrained: Path
) -> None:
    assert unfrozen.result.record.unfrozen_kept
    given, trunk = load_file(pretrained), unfrozen.result.network.trunk.state_dict()
    changed = {name for name in trunk if not torch.equal(trunk[name], given[name])}
    assert "layer4.0.conv3.weight" in changed
    assert all(name.startswith("layer4") and "running" not in name for name in changed)


@pytest.mark.parametrize(("after", "kept"), [(0.6, True), (0.5, False)])
def test_the_trained_end_of_a_trunk_is_kept_only_if_validation_improves(
    after: float,
    kept: bool,
    frozen: FinishedRun,
    photos: list[LabelledPhoto],
    pretrained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = iter([ValidationScores(0.5, 0.0, 0.0), ValidationScores(after, 0.0, 0.0)])
    monkeypatch.setattr("ml.training.strategies.NetworkTask.validate", lambda _task: next(scores))
    config = replace(FROZEN, unfreeze=replace(UNFREEZING, epochs=1))
    found = finished(photos, config, weights=pretrained, home=tmp_path)
    assert found.result.record.unfrozen_history is not None
    assert found.result.record.unfrozen_kept is kept
    if kept:
        assert not torch.equal(found.weights["projection.weight"], frozen.weights["projection.weight"])
    else:
        assert same_network(found, frozen)


def test_rejects_a_frozen_trunk_without_weights(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="needs pretrained weights"):
        train(TrainingData(photos), FROZEN, weights=None, home=tmp_path, progress=ignore_progress)


@pytest.mark.parametrize(
    ("config", "starts_pretrained"),
    [(TINY, False), pytest.param(FROZEN, True, marks=pytest.mark.slow)],
    ids=["scratch", "frozen"],
)
def test_trains_on_the_fewest_listings_that_it_asks_for(
    config: TrainConfig, starts_pretrained: bool, photos: list[LabelledPhoto], pretrained: Path, tmp_path: Path
) -> None:
    plain = [photo for photo in photos if photo.category == "plain"][::2]  # one photo of each listing
    with pytest.raises(TooFewListings, match="needs a category with 3 listings"):
        train(
            TrainingData(plain[:2]),
            config,
            weights=pretrained if starts_pretrained else None,
            home=tmp_path,
            progress=ignore_progress,
        )
    found = finished(plain[:3], config, weights=pretrained if starts_pretrained else None, home=tmp_path)
    assert (found.result.metrics["held_out_photos"], found.result.calibration) == (1, None)


def test_rejects_too_few_listings(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    with pytest.raises(TooFewListings, match="There is 1 listing with a readable photo in 1 category"):
        train(TrainingData(photos[:2]), TINY, weights=None, home=tmp_path, progress=ignore_progress)


def test_rejects_photos_that_are_all_unreadable(photos: list[LabelledPhoto], tmp_path: Path) -> None:
    gone = [replace(photo, path=tmp_path / "gone.jpg") for photo in photos]
    with pytest.raises(TooFewListings, match="no photo can be read"):
        train(TrainingData(gone), TINY, weights=None, home=tmp_path, progress=ignore_progress)


def run_in_two_processes(folder: Path) -> None:
    """Run the child as another process and this process as the first, as `torchrun` does with two new ones."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rank = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    environment = os.environ | rank | {"RANK": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *CHILD, str(folder)]
    with subprocess.Popen(command, env=environment) as second, pytest.MonkeyPatch.context() as patch:
        for name, value in {**rank, "RANK": "0"}.items():
            patch.setenv(name, value)
        try:
            train_together(folder)
            assert second.wait(timeout=120) == 0
        finally:
            second.kill()
            destroy_process_group()


def run_torchrun(folder: Path) -> None:
    torchrun(["--standalone", "--nproc-per-node", "2", *CHILD, str(folder)])


@pytest.mark.slow
@pytest.mark.parametrize("run", [run_in_two_processes, run_torchrun])
def test_two_processes_train_one_network_together(
    run: Callable[[Path], None], photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    rows = [{**asdict(photo), "path": str(photo.path)} for photo in photos]
    (tmp_path / "photos.json").write_text(json.dumps(rows))
    run(tmp_path)
    first, second = (torch.load(tmp_path / f"process-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(first["weights"], second["weights"])
    assert [first["writes"], second["writes"]] == [True, False]
    whole_batch = gradient(TrainingProcesses())
    torch.testing.assert_close(first["gradient"], whole_batch)
