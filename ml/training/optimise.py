"""The optimisation loop: warm-up and cosine, validation after each epoch, and exact resuming from a checkpoint.

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

from ml.training.distributed import TrainingProcesses
from ml.training.recipes import TrainingError
from ml.training.split import paired_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from ml.training.checkpoint import Checkpoint
    from ml.training.recipes import TrainConfig
    from ml.training.tensorboard import Curves


@dataclass(frozen=True, slots=True)
class Scores:
    """How well a network does on the validation photos after an epoch; shares in [0, 1].

    Attributes:
        category_accuracy: of the likeliest category.
        same_listing_recall_at_1: among the validation photos.
        category_precision_at_5: the same.
    """

    category_accuracy: float
    same_listing_recall_at_1: float
    category_precision_at_5: float

    @property
    def total(self) -> float:
        """What decides which epoch was the best: all three count the same."""
        return self.category_accuracy + self.same_listing_recall_at_1 + self.category_precision_at_5


class Task(Protocol):
    """What is optimised, and on which photos.

    Attributes:
        model: its parameters are fitted.
        items: int64 (n,), the item that each training photo shows; equal ones are paired in batches.
    """

    model: nn.Module
    items: NDArray[np.int64]

    def loss(self, batch: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """Return the mean loss over `batch`, rows of the training photos; randomness comes from `generator`."""
        ...

    def validate(self) -> Scores | None:
        """Return the scores of the model as it is; None where there is no validation photo."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """How an optimisation went.

    Attributes:
        losses: the mean training loss of each epoch that was run.
        scores: the validation scores after each.
        best_epoch: the one whose weights were kept, from 0.
    """

    losses: tuple[float, ...]
    scores: tuple[Scores | None, ...]
    best_epoch: int


@dataclass(slots=True)
class _Progress:
    """How far the loop is; goes into the checkpoint, with all that the rest of the run depends on."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    losses: list[float] = field(default_factory=list)
    scores: list[dict[str, float] | None] = field(default_factory=list)
    best_epoch: int = -1
    generator: Tensor | None = None
    """The state of the epoch's source of randomness, where the epoch has begun."""


def fit(
    task: Task,
    config: TrainConfig,
    *,
    checkpoint: Checkpoint,
    curves: Curves,
    progress: Callable[[int, int], None],
    workers: TrainingProcesses = TrainingProcesses(),  # noqa: B008 - immutable
) -> History:
    """Optimise the task's model, leave it with the weights of its best epoch in evaluation mode, and say how it went.

    Begins where `checkpoint` stands, and then goes on exactly as it would have: equal seeds give equal weights, bit by
    bit on a CPU. Ends early as `config.patience` says.

    Args:
        curves: are drawn after each epoch.
        progress: is told the steps done, and of how many.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    with torch.random.fork_rng():
        torch.manual_seed(config.seed + workers.rank)
        return _Loop(task, config, checkpoint, workers).run(curves, progress)


class _Loop:
    def __init__(self, task: Task, config: TrainConfig, checkpoint: Checkpoint, workers: TrainingProcesses) -> None:
        self._task, self._config, self._checkpoint, self._workers = task, config, checkpoint, workers
        self._steps = len(self._draw(0)[0])
        self._optimizer = AdamW(_parameter_groups(task.model, config.weight_decay), config.learning_rate, fused=True)
        steps, rising = self._steps * config.epochs, config.warm_up
        if math.isclose(rising * steps, 1):
            rising *= 1.01  # torch divides by the steps that the rate rises for, less one
        self._schedule = OneCycleLR(self._optimizer, config.learning_rate, total_steps=steps, pct_start=rising)
        self._at = _Progress()
        self._best: dict[str, Tensor] = {}

    def run(self, curves: Curves, progress: Callable[[int, int], None]) -> History:
        self._resume()
        at = self._at
        curves.begin(at.epoch)
        patience = self._config.patience or self._config.epochs
        while at.epoch < self._config.epochs and at.epoch - max(at.best_epoch, 0) <= patience:
            self._task.model.train()
            self._train_epoch(progress)
            number = at.epoch
            curves.epoch(number, self._end_epoch())
        self._checkpoint.save(self._state())  # whatever comes after this is killed, this is not done again
        self._task.model.load_state_dict(self._best)
        self._task.model.eval()
        scores = tuple(None if found is None else Scores(**found) for found in at.scores)
        return History(tuple(at.losses), scores, at.best_epoch)

    def _train_epoch(self, progress: Callable[[int, int], None]) -> None:
        at, (batches, generator) = self._at, self._draw(self._at.epoch)
        if at.generator is not None:
            generator.set_state(at.generator)
        for batch in batches[at.step :]:
            at.loss_sum += self._step(batch, generator)
            at.step += 1
            at.generator = generator.get_state()
            progress(at.epoch * self._steps + at.step, self._config.epochs * self._steps)
            self._checkpoint.save_if_due(self._state)

    def _end_epoch(self) -> Mapping[str, float]:
        """Validate, keep the weights if they are the best so far, and move on; return what is to be drawn."""
        at = self._at
        self._task.model.eval()
        self._workers.agree(self._task.model)
        scores = self._workers.first_says(self._task.validate())
        at.losses.append(at.loss_sum / max(at.step, 1))
        at.scores.append(None if scores is None else asdict(scores))
        if self._is_best(scores):
            at.best_epoch = at.epoch
            self._best = {name: value.detach().clone() for name, value in self._task.model.state_dict().items()}
        at.epoch, at.step, at.loss_sum, at.generator = at.epoch + 1, 0, 0.0, None
        drawn = {f"validation/{name}": value for name, value in (asdict(scores) if scores else {}).items()}
        return {"training/loss": at.losses[-1], "training/learning_rate": self._schedule.get_last_lr()[0], **drawn}

    def _is_best(self, scores: Scores | None) -> bool:
        """Whether an epoch with these scores is to be kept rather than the best one before it.

        Without validation photos to choose by the last is: its learning rate is the least.
        """
        if scores is None or not self._config.patience or self._at.best_epoch < 0:
            return True
        best = self._at.scores[self._at.best_epoch]
        return best is None or scores.total > Scores(**best).total

    def _step(self, batch: NDArray[np.int64], generator: torch.Generator) -> float:
        self._optimizer.zero_grad()
        loss = self._task.loss(batch, generator)
        (loss * self._workers.count).backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self._task.model.parameters(), self._config.gradient_norm)
        self._optimizer.step()
        self._schedule.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"training diverged (the loss is {value})", "Train with a lower learning rate")
        return value

    def _draw(self, epoch: int) -> tuple[list[NDArray[np.int64]], torch.Generator]:
        """Return the epoch's batches and the source of its augmentation: the same for the same seed and number."""
        rng = np.random.default_rng([self._config.seed, epoch])
        pairs = self._config.pairs_per_batch
        batches = list(paired_batches(self._task.items, pairs_per_batch=pairs, rng=rng))
        return batches, torch.Generator().manual_seed(int(rng.integers(2**32)) + self._workers.rank)

    def _state(self) -> dict[str, Any]:
        return {
            "progress": asdict(self._at),
            "model": self._task.model.state_dict(),
            "best": self._best,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "random": _random_states(),
        }

    def _resume(self) -> None:
        """Go back to where the checkpoint stands, if there is one."""
        state = self._checkpoint.load()
        if state is None:
            return
        self._at = _Progress(**state["progress"])
        self._best = state["best"]
        self._task.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        _set_random_states(state["random"])


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Spare biases and normalisation weights, which have one dimension, from the decay: it would only bias them."""
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    return [
        {"params": [weight for weight in learning if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in learning if weight.ndim <= 1], "weight_decay": 0.0},
    ]


def _random_states() -> dict[str, Tensor]:
    """Return the states of torch's own sources of randomness, which dropout draws from."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _set_random_states(states: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
