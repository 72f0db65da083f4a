"""The steps after the weights are fitted: memory, calibration, OOD detector, evaluation. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ml.bundle.calibration import calibrate
from ml.bundle.ood import fit_ood_detector, reference_rows
from ml.evaluation.evaluate import HeldOutMetrics, evaluate
from ml.network.model import Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.bundle.calibration import Calibration
    from ml.bundle.ood import OodDetector
    from ml.network.model import LookalikeNet
    from ml.training.dataset.labels import SplitLabels
    from ml.training.decoded_photos import DecodedPhotos
    from ml.training.recipes import TrainConfig
    from ml.training.run.tensorboard import TensorBoardLog

_BATCH = 4096
"""Photos whose votes are counted at once; each takes as many numbers as the memory has photos."""


@torch.no_grad()  # not inference mode: the memory becomes part of the network, which export traces
def fill_memory(
    network: LookalikeNet, descriptors: NDArray[np.float32], labels: SplitLabels, *, config: TrainConfig
) -> None:
    """Store up to `config.memory` training photos in the network, where they vote on the category."""
    count = min(config.memory, len(labels.train))
    if count:
        chosen = labels.train[np.random.default_rng(config.seed).permutation(len(labels.train))[:count]]
        outputs = network.heads(torch.from_numpy(np.array(descriptors[chosen.rows])))
        network.set_memory(outputs.items, torch.from_numpy(chosen.categories))


@torch.inference_mode()
def calibrate_on_validation(
    network: LookalikeNet, descriptors: NDArray[np.float32], labels: SplitLabels, *, categories: Sequence[str]
) -> Calibration | None:
    """Fit the calibration to the validation photos and set the network's temperature; None without such photos."""
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
def fit_ood(network: LookalikeNet, descriptors: NDArray[np.float32], labels: SplitLabels) -> OodDetector | None:
    """Keep training photos as references, and choose the threshold on the validation photos; None if they are few."""

    def vectors(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
        parts = [network.vectors(network.heads(torch.from_numpy(np.array(descriptors[batch])))) for batch in batches]
        return np.asarray(torch.cat(parts).numpy())

    if not len(labels.validation):
        return None
    references = labels.train[reference_rows(labels.train.contents)]
    return fit_ood_detector(
        vectors(references.rows), validation=vectors(labels.validation.rows), held_out=vectors(labels.held_out.rows)
    )


@torch.inference_mode()
def evaluate_held_out(
    network: LookalikeNet,
    descriptors: NDArray[np.float32],
    decoded: DecodedPhotos,
    *,
    held_out: NDArray[np.int64],
    categories: Sequence[str],
) -> HeldOutMetrics:
    """Measure the network on the held-out photos, rows of `decoded.pixels`."""
    batches = [decoded.rows[start : start + _BATCH] for start in range(0, len(decoded.rows), _BATCH)]
    predicted = [network.predict(torch.from_numpy(np.array(descriptors[rows]))) for rows in batches]
    vectors, probabilities = (torch.cat(parts) for parts in zip(*predicted, strict=True))
    indices = np.searchsorted(decoded.rows, held_out)
    return evaluate(decoded.photos, vectors.numpy(), probabilities.numpy(), categories=categories, held_out=indices)


@torch.inference_mode()
def log_projector(
    network: LookalikeNet,
    descriptors: NDArray[np.float32],
    decoded: DecodedPhotos,
    *,
    validation: NDArray[np.int64],
    log: TensorBoardLog,
) -> None:
    """Show the validation photos, rows of `decoded.pixels`, in TensorBoard's projector."""
    vectors, _ = network.predict(torch.from_numpy(np.array(descriptors[validation])))
    indices = np.searchsorted(decoded.rows, validation)
    names = [decoded.photos[index].category for index in indices]
    log.add_projector(vectors.numpy(), names, decoded.pixels[validation])
