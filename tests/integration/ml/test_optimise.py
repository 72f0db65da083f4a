"""The optimisation loop: training, early stopping, and exact resuming."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml.training.dataset.labels import Labels, SplitLabels
from ml.training.recipes import FROM_SCRATCH, FROZEN_TRUNK, TrainConfig, TrainingError

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from ml.network.model import FROZEN_TRUNK_PARTS, LookalikeNet  # noqa: E402
from ml.photos.preprocess import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402
from ml.training.heads import WhitenedHeads  # noqa: E402
from ml.training.optimise import History, Task, ValidationScores, fit  # noqa: E402
from ml.training.run.checkpoint import Checkpoint  # noqa: E402
from ml.training.run.distributed import TrainingProcesses  # noqa: E402
from ml.training.run.tensorboard import TensorBoardLog  # noqa: E402
from ml.training.tasks import HeadsTask, NetworkTask, validation_scores  # noqa: E402
from tests.networks import RANDOM_PARTS  # noqa: E402
from tests.trainings import TrainingKilled  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("small_trunks")]

EMPTY = np.empty(0, np.int64)
NO_LABELS = Labels(EMPTY, EMPTY, EMPTY, EMPTY, EMPTY)
NETWORK = replace(FROM_SCRATCH, size=32, epochs=60, pairs_per_batch=4, label_smoothing=0.0, contrastive_weight=1.0)
HEADS = replace(
    FROZEN_TRUNK,
    epochs=200,
    pairs_per_batch=8,
    learning_rate=1e-2,
    label_smoothing=0.0,
    category_contrastive_weight=0.0,
)

THREE_STEPS_AN_EPOCH = replace(HEADS, epochs=10, pairs_per_batch=4)


class CheckpointEveryStep(Checkpoint):
    """Saves after every step."""

    def save_if_due(self, state: Any) -> None:
        self.save(state())


def ignore_steps(_done: int, _total: int) -> None:
    """Ignore progress."""


def labels_of(items: np.ndarray) -> Labels:
    return Labels(np.arange(len(items)), items % 2, items % 2, items, np.arange(len(items)))


ONE_BATCH = SplitLabels(labels_of(np.repeat(np.arange(4), 2)), NO_LABELS, NO_LABELS)


def tiny_network(seed: int = 0) -> LookalikeNet:
    torch.manual_seed(seed)
    network = LookalikeNet(2, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD, parts=RANDOM_PARTS)
    network.zero_init_residuals()
    return network


def one_batch() -> np.ndarray:
    """Return two photos of each of four items; every second item is striped: uint8 (8, 32, 32, 3)."""
    colours, made = np.random.default_rng(1).integers(0, 256, (4, 3)), []
    for item in range(4):
        pixels = np.broadcast_to(colours[item], (32, 32, 3)).copy()
        if item % 2:
            pixels[::4] = 255 - pixels[::4]
        made += [pixels - 20, pixels + 20]
    return np.clip(made, 0, 255).astype(np.uint8)


def network_task(network: LookalikeNet) -> NetworkTask:
    return NetworkTask(network, one_batch(), ONE_BATCH, config=NETWORK, processes=TrainingProcesses())


def heads_task(config: TrainConfig = HEADS, *, validation: Labels = NO_LABELS, dropout: float = 0.2) -> HeadsTask:
    """Return heads on random features of 12 items with two photos each, in two views."""
    torch.manual_seed(0)
    features = torch.randn(2, 24, 24)  # four components of each part
    heads = WhitenedHeads([4] * 6, parts=FROZEN_TRUNK_PARTS, item_size=16, classes=2, dropout=dropout)
    labels = SplitLabels(labels_of(np.repeat(np.arange(12), 2)), validation, NO_LABELS)
    return HeadsTask(heads, features, labels, config=config, network=tiny_network())


def fitted(
    task: Task, config: TrainConfig, file: Path, *, progress: Any = ignore_steps, every_step: bool = False
) -> History:
    checkpoint = CheckpointEveryStep(file) if every_step else Checkpoint(file)
    return fit(task, config, checkpoint=checkpoint, log=TensorBoardLog(None), progress=progress)


@pytest.mark.slow
def test_a_tiny_network_overfits_one_batch(tmp_path: Path) -> None:
    network = tiny_network()
    history = fitted(network_task(network), NETWORK, tmp_path / "checkpoint.pt")
    assert history.losses[0] > 1.5
    assert history.losses[-1] < history.losses[0] / 4
    with torch.inference_mode():
        _, probabilities = network(torch.from_numpy(one_batch()))
    assert probabilities.argmax(dim=1).tolist() == ONE_BATCH.train.categories.tolist()


def test_the_heads_overfit_one_batch(tmp_path: Path) -> None:
    losses = fitted(heads_task(dropout=0.0), HEADS, tmp_path / "checkpoint.pt").losses
    assert losses[-1] < losses[0] / 4


def test_reports_divergence_at_an_extreme_learning_rate(tmp_path: Path) -> None:
    config = replace(NETWORK, learning_rate=1e30, epochs=5)
    with pytest.raises(TrainingError, match="Lower `learning_rate`"):
        fitted(network_task(tiny_network()), config, tmp_path / "checkpoint.pt")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[HeadsTask, History]:
    """Heads trained without interruption, and their history."""
    task = heads_task(THREE_STEPS_AN_EPOCH)
    return task, fitted(task, THREE_STEPS_AN_EPOCH, tmp_path_factory.mktemp("uninterrupted") / "checkpoint.pt")


@pytest.mark.parametrize("killed_after", [1, 6, 7, 13, 29])
def test_a_killed_training_resumes_to_exactly_the_same_weights(
    killed_after: int, uninterrupted: tuple[HeadsTask, History], tmp_path: Path
) -> None:
    def kill(done: int, _total: int) -> None:
        if done == killed_after:
            raise TrainingKilled

    config, file = THREE_STEPS_AN_EPOCH, tmp_path / "checkpoint.pt"
    with pytest.raises(TrainingKilled):
        fitted(heads_task(config), config, file, progress=kill, every_step=True)
    resumed, seen = heads_task(config), list[int]()
    found = fitted(resumed, config, file, progress=lambda done, _total: seen.append(done), every_step=True)
    assert seen[0] == max(killed_after, 1), "the step in progress when the process died is repeated"
    expected, history = uninterrupted
    assert found == history
    for ours, theirs in zip(resumed.model.parameters(), expected.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_torn_checkpoint_restarts_the_training(tmp_path: Path) -> None:
    config = replace(HEADS, epochs=2)
    expected = fitted(heads_task(config), config, tmp_path / "whole.pt")
    torn = tmp_path / "torn.pt"
    torn.write_bytes((tmp_path / "whole.pt").read_bytes()[:1000])
    assert fitted(heads_task(config), config, torn) == expected


def test_code_in_a_checkpoint_is_not_executed(tmp_path: Path) -> None:
    file = tmp_path / "hostile.pt"
    torch.save({"progress": ValidationScores(0.1, 0.2, 0.3)}, file)  # to unpickle any of our classes executes code
    assert Checkpoint(file).load() is None


class ScriptedTask:
    """A task with given scores, whose only weight grows with each step."""

    def __init__(self, totals: list[float]) -> None:
        self.model = torch.nn.Linear(1, 1, bias=False)
        self.items = np.repeat(np.arange(4), 2)
        self._totals = iter(totals)
        self.weights: list[float] = []

    def loss(self, batch: np.ndarray, generator: torch.Generator) -> Tensor:
        return -self.model.weight.sum()

    def validate(self) -> ValidationScores:
        self.weights.append(self.model.weight.item())
        return ValidationScores(next(self._totals), 0.0, 0.0)


def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path) -> None:
    task, config = ScriptedTask([0.1, 0.7, 0.3, 0.2]), replace(HEADS, epochs=4)
    history = fitted(task, config, tmp_path / "checkpoint.pt")
    assert history.best_epoch == 1
    assert task.model.weight.item() == task.weights[1]


def test_stops_after_as_many_epochs_without_improvement_as_the_patience(tmp_path: Path) -> None:
    task, config = ScriptedTask([0.1, 0.7, 0.3, 0.2, 0.1, 0.9]), replace(HEADS, epochs=6, patience=2)
    history = fitted(task, config, tmp_path / "checkpoint.pt")
    assert len(history.losses) == 4
    assert history.best_epoch == 1


def test_without_patience_all_epochs_run_and_the_last_weights_are_kept(tmp_path: Path) -> None:
    task, config = ScriptedTask([0.1, 0.7, 0.3, 0.2]), replace(HEADS, epochs=4, patience=0)
    history = fitted(task, config, tmp_path / "checkpoint.pt")
    assert history.best_epoch == 3
    assert task.model.weight.item() == task.weights[3]


def test_validation_scores_count_only_validation_photos(tmp_path: Path) -> None:
    config = replace(HEADS, epochs=1)
    history = fitted(heads_task(config, validation=labels_of(np.repeat([5, 8], 2))), config, tmp_path / "checkpoint.pt")
    (scores,) = history.scores
    assert scores is not None
    assert scores.category_accuracy in {0, 0.25, 0.5, 0.75, 1}
    assert scores.same_listing_recall_at_1 in {0, 0.25, 0.5, 0.75, 1}


def test_validation_scores_equal_those_counted_by_hand() -> None:
    """Photos 0 and 1 are copies, 2 shows the same item, and 3 shows another item of the other category."""
    degrees = torch.tensor([0.0, 0.0, 60.0, 20.0]).deg2rad()
    vectors = torch.stack([degrees.cos(), degrees.sin()], dim=1)
    items, categories = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1])
    labels = Labels(np.arange(4), categories, categories, items, contents=np.array([0, 0, 2, 3]))
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    found = validation_scores(vectors, logits, labels)
    # 3 is nearest to 0 and 1, and also to 2 (40 degrees). 3 is not a query: no other photo shows its item.
    assert found.category_accuracy == 0.75
    assert found.same_listing_recall_at_1 == 0.0
    # Two of the three neighbours of each query have its category; the copies of 0 and 1 are ranked last.
    assert found.category_precision_at_5 == pytest.approx(2 / 3)


def test_trains_with_a_single_warm_up_step(tmp_path: Path) -> None:
    """torch's one-cycle schedule divides by the number of warm-up steps minus one."""
    config = replace(HEADS, epochs=4, warm_up=0.25, pairs_per_batch=64)
    assert len(fitted(heads_task(config), config, tmp_path / "checkpoint.pt").losses) == 4
