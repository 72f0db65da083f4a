"""What is done with a network after its weights are fitted: a memory, a calibration, measures. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ml.bundle.calibration import calibrate
from ml.evaluation.evaluate import HeldOutMetrics, evaluate
from ml.network.model import Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.bundle.calibration import Calibration
    from ml.network.model import LookalikeNet
    from ml.training.labels import SplitLabels
    from ml.training.recipes import TrainConfig
    from ml.training.run import ReadablePhotos
    from ml.training.tensorboard import Curves

_AT_ONCE = 4096
"""Photos whose votes are counted at once: each takes as many numbers as there are photos in the memory."""


@torch.no_grad()  # not inference mode: what is remembered becomes part of the network, which export traces
def remember(network: LookalikeNet, descriptors: NDArray[np.float32], labels: SplitLabels, config: TrainConfig) -> None:
    """Let training photos vote on the category, as many as the recipe allows."""
    count = min(config.memory, len(labels.train))
    if count:
        chosen = labels.train[np.random.default_rng(config.seed).permutation(len(labels.train))[:count]]
        outputs = network.heads(torch.from_numpy(np.array(descriptors[chosen.rows])))
        network.set_memory(outputs.items, torch.from_numpy(chosen.categories))


@torch.inference_mode()
def calibrate_on_validation(
    network: LookalikeNet, descriptors: NDArray[np.float32], labels: SplitLabels, categories: Sequence[str]
) -> Calibration | None:
    """Set the network's temperature, and return what else the validation photos teach."""
    validation, train = labels.validation, labels.train
    if not len(validation):
        return None
    outputs = network.heads(torch.from_numpy(np.array(descriptors[np.concatenate([validation.rows, train.rows])])))
    logits = network.category_logits(Outputs(*(part[: len(validation)] for part in outputs)))
    calibration = calibrate(
        logits.numpy(),
        validation.categories,
        categories=categories,
        vectors=network.vectors(outputs).numpy(),
        queries=np.arange(len(validation)),
        items=np.concatenate([validation.items, train.items]),
        contents=np.concatenate([validation.contents, train.contents]),
    )
    network.temperature.fill_(calibration.temperature)
    return calibration


@torch.inference_mode()
def measure(
    network: LookalikeNet,
    descriptors: NDArray[np.float32],
    decoded: ReadablePhotos,
    labels: SplitLabels,
    categories: Sequence[str],
) -> HeldOutMetrics:
    chunks = [decoded.rows[start : start + _AT_ONCE] for start in range(0, len(decoded.rows), _AT_ONCE)]
    predicted = [network.predict(torch.from_numpy(np.array(descriptors[rows]))) for rows in chunks]
    vectors, probabilities = (torch.cat(parts) for parts in zip(*predicted, strict=True))
    places = np.searchsorted(decoded.rows, labels.held_out.rows)
    return evaluate(decoded.photos, vectors.numpy(), probabilities.numpy(), categories=categories, held_out=places)


@torch.inference_mode()
def project(
    network: LookalikeNet,
    descriptors: NDArray[np.float32],
    decoded: ReadablePhotos,
    labels: SplitLabels,
    curves: Curves,
) -> None:
    """Show the validation photos in TensorBoard's projector."""
    rows = labels.validation.rows
    vectors, _ = network.predict(torch.from_numpy(np.array(descriptors[rows])))
    places = np.searchsorted(decoded.rows, rows)
    curves.projector(vectors.numpy(), [decoded.photos[place].category for place in places], decoded.pixels[rows])
    curves.end()
