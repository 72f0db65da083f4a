"""The ways to learn: a whole network, two heads on a trunk that stays, or its end besides. Imports torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch

from ml.training.descriptors import as_it_is, cropped, mirrored
from ml.training.heads import WhitenedHeads, fit_whitening
from ml.training.optimise import History, fit
from ml.training.run import describe_views
from ml.training.tasks import HeadsTask, NetworkTask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml.network.model import LookalikeNet
    from ml.training.labels import SplitLabels
    from ml.training.recipes import Unfreezing
    from ml.training.run import TrainingRun
    from ml.training.tensorboard import Curves


def train_whole(
    network: LookalikeNet, pixels: NDArray[np.uint8], labels: SplitLabels, *, run: TrainingRun, curves: Curves
) -> tuple[History, NDArray[np.float32]]:
    with run.stages.stage("train") as progress, NetworkTask.prepared(network, run.device):
        task = NetworkTask(network, pixels, labels, run.config, workers=run.workers)
        history = fit(
            task,
            run.config,
            checkpoint=run.checkpoint("checkpoint"),
            curves=curves,
            progress=progress,
            workers=run.workers,
        )
    (descriptors,) = describe_views(network, pixels, {"describe photos": as_it_is}, run)
    return history, descriptors


def train_heads(
    network: LookalikeNet, pixels: NDArray[np.uint8], labels: SplitLabels, *, run: TrainingRun, curves: Curves
) -> tuple[History, NDArray[np.float32]]:
    config, learnt_from = run.config, labels.train.rows
    crops = {f"describe crops, {n} of {config.crops}": cropped(config.seed + n) for n in range(1, config.crops + 1)}
    named = {"describe photos": as_it_is, "describe mirrored photos": mirrored, **crops}
    views = describe_views(network, pixels, named, run)
    with run.stages.stage("train") as progress, torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        whitening = fit_whitening(
            views, learnt_from, parts=network.parts, size=config.whitened_size, power=config.whitening_power
        )
        whitened = torch.stack([whitening(view) for view in views])
        heads = WhitenedHeads(
            whitening.widths,
            parts=network.parts,
            item_size=network.projection.out_features,
            classes=network.category_head.out_features,
            dropout=config.dropout,
        )
        heads.project_principal_components(whitened[0, learnt_from])
        network.cpu()  # as the heads are: on stored features a processor takes seconds
        task = HeadsTask(heads, whitened, labels, config, network=network)
        history = fit(task, config, checkpoint=run.checkpoint("checkpoint"), curves=curves, progress=progress)
        heads.fold_into(network, whitening)
        network.to(run.device)
    return history, views[0]


class Unfrozen(NamedTuple):
    """What came of letting the end of a trunk learn.

    Attributes:
        descriptors: of the photos by the new trunk, float32 (n, d); None if validation did not gain by it, and the
            network is as it was.
    """

    history: History
    descriptors: NDArray[np.float32] | None


def train_end_of_trunk(
    network: LookalikeNet,
    pixels: NDArray[np.uint8],
    labels: SplitLabels,
    how: Unfreezing,
    *,
    run: TrainingRun,
    curves: Curves,
) -> Unfrozen:
    """Let the last stages of the trunk learn, and the heads with them."""
    config = replace(
        run.config,
        epochs=how.epochs,
        patience=how.epochs,
        pairs_per_batch=how.pairs_per_batch,
        learning_rate=how.learning_rate,
    )
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with (
        run.stages.stage("train the end of the trunk") as progress,
        NetworkTask.prepared(network, run.device),
        network.training_last_stages(last_stages=how.stages),
    ):
        task = NetworkTask(network, pixels, labels, config, workers=run.workers)
        scored = task.validate()
        checkpoint = run.checkpoint("checkpoint-unfrozen")
        history = fit(task, config, checkpoint=checkpoint, curves=curves, progress=progress, workers=run.workers)
    best = history.scores[history.best_epoch]
    if scored is not None and best is not None and best.total <= scored.total:
        network.load_state_dict(before)
        return Unfrozen(history, None)
    (descriptors,) = describe_views(network, pixels, {"describe photos again": as_it_is}, run, name="unfrozen")
    return Unfrozen(history, descriptors)
