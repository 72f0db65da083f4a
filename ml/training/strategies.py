"""The three ways to train: a whole network, the heads of a frozen trunk, and the end of that trunk. Imports torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch

from ml.training.descriptors import cropped, describe_views, mirrored, unchanged
from ml.training.heads import WhitenedHeads, fit_whitening
from ml.training.optimise import History, fit
from ml.training.tasks import HeadsTask, NetworkTask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml.network.model import LookalikeNet
    from ml.training.dataset.labels import SplitLabels
    from ml.training.heads import Whitening
    from ml.training.recipes import TrainConfig, Unfreezing
    from ml.training.run.tensorboard import TensorBoardLog
    from ml.training.run.training_run import TrainingRun


def train_whole_network(
    network: LookalikeNet, pixels: NDArray[np.uint8], labels: SplitLabels, *, run: TrainingRun, log: TensorBoardLog
) -> tuple[History, NDArray[np.float32]]:
    """Train every weight of the network; return its history and the photos' descriptors, float32 (n, d)."""
    with run.stages.stage("train") as progress, NetworkTask.fast_training(network, run.device):
        history = fit(
            NetworkTask(network, pixels, labels, config=run.config, processes=run.processes),
            run.config,
            checkpoint=run.checkpoint("checkpoint"),
            log=log,
            progress=progress,
            processes=run.processes,
        )
    (descriptors,) = describe_views(network, pixels, {"describe photos": unchanged}, run=run)
    return history, descriptors


def train_heads(
    network: LookalikeNet, pixels: NDArray[np.uint8], labels: SplitLabels, *, run: TrainingRun, log: TensorBoardLog
) -> tuple[History, NDArray[np.float32]]:
    """Train the heads on descriptors of the frozen trunk; return the history and the descriptors, float32 (n, d)."""
    config, rows = run.config, labels.train.rows
    crops = {f"describe crops, {n} of {config.crops}": cropped(config.seed + n) for n in range(1, config.crops + 1)}
    stages = {"describe photos": unchanged, "describe mirrored photos": mirrored, **crops}
    views = describe_views(network, pixels, stages, run=run)
    with run.stages.stage("train") as progress, torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        whitening = fit_whitening(
            views, rows, parts=network.parts, size=config.whitened_size, power=config.whitening_power
        )
        whitened = torch.stack([whitening(view) for view in views])
        heads = _initial_heads(network, whitening, whitened[0, rows], dropout=config.dropout)
        network.cpu()  # the heads train on stored features, which takes seconds on a processor
        task = HeadsTask(heads, whitened, labels, config=config, network=network)
        history = fit(task, config, checkpoint=run.checkpoint("checkpoint"), log=log, progress=progress)
        heads.fold_into(network, whitening)
        network.to(run.device)
    return history, views[0]


def _initial_heads(
    network: LookalikeNet, whitening: Whitening, whitened: torch.Tensor, *, dropout: float
) -> WhitenedHeads:
    """Return heads for `network` whose projection starts with the principal components of `whitened`, (n, w)."""
    heads = WhitenedHeads(
        whitening.widths,
        parts=network.parts,
        item_size=network.projection.out_features,
        classes=network.category_head.out_features,
        dropout=dropout,
    )
    heads.project_principal_components(whitened)
    return heads


class Unfrozen(NamedTuple):
    """The result of training the end of a trunk.

    Attributes:
        descriptors: of the photos by the new trunk, float32 (n, d). None if validation did not improve; the network is
            then unchanged.
    """

    history: History
    descriptors: NDArray[np.float32] | None


def train_end_of_trunk(
    network: LookalikeNet,
    pixels: NDArray[np.uint8],
    labels: SplitLabels,
    *,
    unfreezing: Unfreezing,
    run: TrainingRun,
    log: TensorBoardLog,
) -> Unfrozen:
    """Train the last stages of the trunk together with the heads; undo it if validation does not improve."""
    config = _unfrozen_config(run.config, unfreezing)
    weights_before = {name: value.clone() for name, value in network.state_dict().items()}
    with (
        run.stages.stage("train the end of the trunk") as progress,
        NetworkTask.fast_training(network, run.device),
        network.training_last_stages(unfreezing.stages),
    ):
        task = NetworkTask(network, pixels, labels, config=config, processes=run.processes)
        scores_before = task.validate()
        checkpoint = run.checkpoint("checkpoint-unfrozen")
        history = fit(task, config, checkpoint=checkpoint, log=log, progress=progress, processes=run.processes)
    best = history.scores[history.best_epoch]
    if scores_before is not None and best is not None and best.total <= scores_before.total:
        network.load_state_dict(weights_before)
        return Unfrozen(history, None)
    (descriptors,) = describe_views(network, pixels, {"describe photos again": unchanged}, run=run, name="unfrozen")
    return Unfrozen(history, descriptors)


def _unfrozen_config(config: TrainConfig, unfreezing: Unfreezing) -> TrainConfig:
    return replace(
        config,
        epochs=unfreezing.epochs,
        patience=unfreezing.epochs,
        pairs_per_batch=unfreezing.pairs_per_batch,
        learning_rate=unfreezing.learning_rate,
    )
