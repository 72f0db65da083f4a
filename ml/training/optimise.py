"""The optimisation loop: one-cycle learning rate, validation after each epoch, exact resuming from a checkpoint.

Importing this imports torch.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from ml.training.dataset.batches import paired_batches
from ml.training.recipes import TrainingError
from ml.training.run.distributed import TrainingProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from ml.training.recipes import TrainConfig
    from ml.training.run.checkpoint import Checkpoint
    from ml.training.run.tensorboard import TensorBoardLog


@dataclass(frozen=True, slots=True)
class ValidationScores:
    """Scores on the validation photos after an epoch; shares in [0, 1].

    Attributes:
        category_accuracy: of the most probable category.
        same_listing_recall_at_1: queries whose nearest validation photo shows the same item.
        category_precision_at_5: mean share of a query's five nearest validation photos that are of its category.
    """

    category_accuracy: float
    same_listing_recall_at_1: float
    category_precision_at_5: float

    @property
    def total(self) -> float:
        """The unweighted sum, by which epochs are compared."""
        return self.category_accuracy + self.same_listing_recall_at_1 + self.category_precision_at_5


class Task(Protocol):
    """A model, its loss and its photos.

    Attributes:
        model: its parameters are fitted.
        items: int64 (n,), the item of each training photo; batches pair photos of one item.
    """

    model: nn.Module
    items: NDArray[np.int64]

    def loss(self, batch: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """Return the mean loss over `batch`, rows of the training photos; `generator` supplies the randomness."""
        ...

    def validate(self) -> ValidationScores | None:
        """Return the scores of the current model; None without validation photos."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """The course of an optimisation.

    Attributes:
        losses: the mean training loss of each epoch.
        scores: the validation scores after each epoch.
        best_epoch: the epoch whose weights the model has, from 0.
    """

    losses: tuple[float, ...]
    scores: tuple[ValidationScores | None, ...]
    best_epoch: int


@dataclass(slots=True)
class _Position:
    """The position of the loop, as stored in the checkpoint.

    Attributes:
        generator: state of the epoch's random generator; None before the epoch's first step.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    losses: list[float] = field(default_factory=list)
    scores: list[dict[str, float] | None] = field(default_factory=list)
    best_epoch: int = -1
    generator: Tensor | None = None


def fit(
    task: Task,
    config: TrainConfig,
    *,
    checkpoint: Checkpoint,
    log: TensorBoardLog,
    progress: Callable[[int, int], None],
    processes: TrainingProcesses = TrainingProcesses(),  # noqa: B008 - immutable
) -> History:
    """Optimise the task's model, and leave it in evaluation mode with the weights of its best epoch.

    Resumes from `checkpoint` exactly: equal seeds give equal weights, bit by bit on a CPU. Stops early after
    `config.patience` epochs without improvement.

    Args:
        log: receives the loss, learning rate and scores of each epoch.
        progress: called with (steps done, total steps).

    Raises:
        TrainingError: the loss is no longer finite.
    """
    with torch.random.fork_rng():
        torch.manual_seed(config.seed + processes.rank)
        return _Loop(task, config, checkpoint=checkpoint, processes=processes).run(log, progress)


class _Loop:
    def __init__(
        self, task: Task, config: TrainConfig, *, checkpoint: Checkpoint, processes: TrainingProcesses
    ) -> None:
        self._task, self._config, self._checkpoint, self._processes = task, config, checkpoint, processes
        self._steps = len(self._draw_epoch(0)[0])
        self._optimizer = AdamW(_parameter_groups(task.model, config.weight_decay), config.learning_rate, fused=True)
        steps, warm_up = self._steps * config.epochs, config.warm_up
        if math.isclose(warm_up * steps, 1):
            warm_up *= 1.01  # torch divides by the number of warm-up steps minus one
        self._schedule = OneCycleLR(self._optimizer, config.learning_rate, total_steps=steps, pct_start=warm_up)
        self._position = _Position()
        self._best_weights: dict[str, Tensor] = {}

    def run(self, log: TensorBoardLog, progress: Callable[[int, int], None]) -> History:
        self._resume()
        position = self._position
        log.open(position.epoch)
        patience = self._config.patience or self._config.epochs
        while position.epoch < self._config.epochs and position.epoch - max(position.best_epoch, 0) <= patience:
            self._task.model.train()
            self._train_epoch(progress)
            epoch = position.epoch
            log.add_epoch(epoch, self._end_epoch())
        self._checkpoint.save(self._state())  # so that a run killed later does not repeat this
        self._task.model.load_state_dict(self._best_weights)
        self._task.model.eval()
        scores = tuple(None if values is None else ValidationScores(**values) for values in position.scores)
        return History(tuple(position.losses), scores, position.best_epoch)

    def _train_epoch(self, progress: Callable[[int, int], None]) -> None:
        position, (batches, generator) = self._position, self._draw_epoch(self._position.epoch)
        if position.generator is not None:
            generator.set_state(position.generator)
        for batch in batches[position.step :]:
            position.loss_sum += self._step(batch, generator)
            position.step += 1
            position.generator = generator.get_state()
            progress(position.epoch * self._steps + position.step, self._config.epochs * self._steps)
            self._checkpoint.save_if_due(self._state)

    def _end_epoch(self) -> Mapping[str, float]:
        """Validate, keep the weights if they are the best so far, move to the next epoch; return values to log."""
        position = self._position
        self._task.model.eval()
        self._processes.copy_buffers_from_first(self._task.model)
        scores = self._processes.value_of_first(self._task.validate())
        position.losses.append(position.loss_sum / max(position.step, 1))
        position.scores.append(None if scores is None else asdict(scores))
        if self._is_best(scores):
            position.best_epoch = position.epoch
            weights = self._task.model.state_dict()
            self._best_weights = {name: value.detach().clone() for name, value in weights.items()}
        position.epoch, position.step, position.loss_sum, position.generator = position.epoch + 1, 0, 0.0, None
        validation = {f"validation/{name}": value for name, value in (asdict(scores) if scores else {}).items()}
        rate = self._schedule.get_last_lr()[0]
        return {"training/loss": position.losses[-1], "training/learning_rate": rate, **validation}

    def _is_best(self, scores: ValidationScores | None) -> bool:
        """Whether an epoch with these scores replaces the best epoch so far.

        Without patience or validation photos the last epoch does: its learning rate is the lowest.
        """
        if scores is None or not self._config.patience or self._position.best_epoch < 0:
            return True
        best = self._position.scores[self._position.best_epoch]
        return best is None or scores.total > ValidationScores(**best).total

    def _step(self, batch: NDArray[np.int64], generator: torch.Generator) -> float:
        self._optimizer.zero_grad()
        loss = self._task.loss(batch, generator)
        (loss * self._processes.count).backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self._task.model.parameters(), self._config.gradient_norm)
        self._optimizer.step()
        self._schedule.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"Training diverged: the loss is {value}", "Lower `learning_rate` in the recipe")
        return value

    def _draw_epoch(self, epoch: int) -> tuple[list[NDArray[np.int64]], torch.Generator]:
        """Return the epoch's batches and the generator of its augmentation; the seed and the epoch determine both."""
        rng = np.random.default_rng([self._config.seed, epoch])
        pairs = self._config.pairs_per_batch
        batches = list(paired_batches(self._task.items, pairs_per_batch=pairs, rng=rng))
        return batches, torch.Generator().manual_seed(int(rng.integers(2**32)) + self._processes.rank)

    def _state(self) -> dict[str, Any]:
        """Return the checkpoint; its keys are a file format."""
        return {
            "progress": asdict(self._position),
            "model": self._task.model.state_dict(),
            "best": self._best_weights,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "random": _random_states(),
        }

    def _resume(self) -> None:
        """Load the checkpoint, if there is one."""
        state = self._checkpoint.load()
        if state is None:
            return
        self._position = _Position(**state["progress"])
        self._best_weights = state["best"]
        self._task.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        _set_random_states(state["random"])


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Apply weight decay to matrices only: biases and normalisation weights, which have one dimension, need none."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    return [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]


def _random_states() -> dict[str, Tensor]:
    """Return the states of torch's global generators, which dropout uses."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _set_random_states(states: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
