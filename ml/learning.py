"""The two ways to learn: a whole network from pixels, or two heads on a trunk that stays. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ml.features import as_it_is, cropped, mirrored
from ml.fit import History, fit
from ml.heads import WhitenedHeads, fit_whitening
from ml.tasks import HeadsTask, NetworkTask
from ml.training_run import describe_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.curves import Curves
    from ml.labels import SplitLabels
    from ml.model import LookalikeNet
    from ml.training_run import Run


def train_whole(
    network: LookalikeNet, pixels: NDArray[np.uint8], labels: SplitLabels, *, run: Run, curves: Curves
) -> tuple[History, NDArray[np.float32]]:
    with run.stages.stage("train") as progress, NetworkTask.prepared(network, run.device):
        task = NetworkTask(network, pixels, labels, run.config, workers=run.workers)
        history = fit(
            task, run.config, checkpoint=run.checkpoint(), curves=curves, progress=progress, workers=run.workers
        )
    (descriptors,) = describe_views(network, pixels, {"describe photos": as_it_is}, run)
    return history, descriptors


def train_heads(
    network: LookalikeNet, pixels: NDArray[np.uint8], labels: SplitLabels, *, run: Run, curves: Curves
) -> tuple[History, NDArray[np.float32]]:
    config, learnt_from = run.config, labels.train.rows
    crops = {f"describe crops, {n} of {config.crops}": cropped(config.seed + n) for n in range(1, config.crops + 1)}
    named = {"describe photos": as_it_is, "describe mirrored photos": mirrored, **crops}
    views = describe_views(network, pixels, named, run)
    with run.stages.stage("train") as progress, torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        descriptors = [torch.from_numpy(np.array(view)) for view in views]
        learnt = torch.cat([view[learnt_from] for view in descriptors])
        whitening = fit_whitening(learnt, size=config.whitened_size, power=config.whitening_power)
        whitened = torch.stack([whitening(view) for view in descriptors])
        del descriptors, learnt  # a gigabyte for 10,000 photos in six views
        heads = WhitenedHeads(
            whitening.widths,
            vector_size=config.vector_size,
            classes=network.category_head.out_features,
            dropout=config.dropout,
        )
        heads.project_principal_components(whitened[:, learnt_from].flatten(0, 1))
        task = HeadsTask(heads, whitened, labels, config, network=network)
        history = fit(task, config, checkpoint=run.checkpoint(), curves=curves, progress=progress)
        heads.fold_into(network, whitening)
    return history, views[0]
