"""The two training tasks: a whole network on pixels, and its two heads on stored features.

Importing this imports torch.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import nn

from ml.network.device import mixed_precision
from ml.network.matmul_convolutions import small_maps_by_matmul
from ml.network.model import Outputs
from ml.training.dataset.augment import augment
from ml.training.losses import class_weights, classification_loss, contrastive_loss
from ml.training.optimise import ValidationScores

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ml.network.model import LookalikeNet
    from ml.training.dataset.labels import Labels, SplitLabels
    from ml.training.recipes import TrainConfig
    from ml.training.run.distributed import TrainingProcesses

_VALIDATION_BATCH = 32

_NEIGHBOURS = 5
"""Nearest photos that the validation scores count."""


class Objective:
    """The loss of a recipe: classification, plus contrastive losses over items and over categories."""

    def __init__(self, labels: Labels, classes: int, config: TrainConfig) -> None:
        self._labels, self._config = labels, config
        self._class_weights = class_weights(labels.classes, classes, power=config.class_weighting)

    def __call__(self, outputs: Outputs, batch: NDArray[np.int64]) -> Tensor:
        """Return the mean loss of the outputs for `batch`, rows of the labels."""
        config, device, labels = self._config, outputs.logits.device, self._labels[batch]
        loss = classification_loss(
            outputs.logits,
            torch.from_numpy(labels.classes).to(device),
            weights=self._class_weights.to(device),
            label_smoothing=config.label_smoothing,
        )
        for weight, groups in (
            (config.contrastive_weight, labels.items),
            (config.category_contrastive_weight, labels.categories),
        ):
            if weight:
                on_device = torch.from_numpy(groups).to(device)
                loss = loss + weight * contrastive_loss(
                    outputs.items, on_device, temperature=config.contrastive_temperature
                )
        return loss


class NetworkTask:
    """Trains every weight of a network that is not frozen, on pixels."""

    def __init__(
        self,
        network: LookalikeNet,
        pixels: NDArray[np.uint8],
        labels: SplitLabels,
        *,
        config: TrainConfig,
        processes: TrainingProcesses,
    ) -> None:
        """`pixels` is uint8 (photos, S, S, 3); the network is on the device that computes."""
        self.model: nn.Module = network
        self.items = labels.train.items
        self._network, self._pixels, self._labels, self._processes = network, pixels, labels, processes
        self._turn_hues = config.turn_hues
        self._objective = Objective(labels.train, network.category_head.out_features, config)
        self._device = network.mean.device
        self._parallel = processes.data_parallel(_TrainingOutputs(network), self._device)

    def loss(self, batch: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """See `Task.loss`."""
        processes = self._processes
        batch = batch[: len(batch) - len(batch) % (2 * processes.count)]
        share = processes.share(batch)
        hues_of = torch.from_numpy(self.items[share]) if self._turn_hues else None
        pixels = torch.from_numpy(self._pixels[self._labels.train.rows[share]]).to(self._device)
        with mixed_precision(self._device):
            outputs = self._parallel(augment(pixels, generator, hues_of=hues_of))
        return self._objective(Outputs(processes.gather(outputs.items), processes.gather(outputs.logits)), batch)

    @staticmethod
    def fast_training(network: LookalikeNet, device: torch.device) -> AbstractContextManager[None]:
        """Return a context in which the network trains fastest on the device; make the task inside it."""
        return small_maps_by_matmul(network) if device.type == "cpu" else nullcontext()

    @torch.inference_mode()
    def validate(self) -> ValidationScores | None:
        """See `Task.validate`."""
        rows = self._labels.validation.rows
        if not len(rows):
            return None
        batches = []
        for start in range(0, len(rows), _VALIDATION_BATCH):
            pixels = torch.from_numpy(self._pixels[rows[start : start + _VALIDATION_BATCH]]).to(self._device)
            with mixed_precision(self._device):
                batches.append(self._network.outputs(pixels))
        outputs = Outputs(*(torch.cat(parts) for parts in zip(*batches, strict=True)))
        vectors, logits = self._network.vectors(outputs), self._network.category_logits(outputs)
        return validation_scores(vectors, logits, self._labels.validation)


class HeadsTask:
    """Trains a projection and a category head on the stored features of a frozen trunk."""

    def __init__(
        self, heads: nn.Module, features: Tensor, labels: SplitLabels, *, config: TrainConfig, network: LookalikeNet
    ) -> None:
        """`features` is float32 (views, photos, f); each draw of a photo takes one of its views at random.

        `network` combines the outputs of the heads into vectors and category logits for validation.
        """
        self.model = heads
        self.items = labels.train.items
        self._features, self._labels, self._network = features, labels, network
        self._objective = Objective(labels.train, network.category_head.out_features, config)

    def loss(self, batch: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """See `Task.loss`."""
        views = torch.randint(len(self._features), (len(batch),), generator=generator)
        rows = torch.from_numpy(self._labels.train.rows[batch])
        return self._objective(self.model(self._features[views, rows]), batch)

    @torch.inference_mode()
    def validate(self) -> ValidationScores | None:
        """See `Task.validate`."""
        rows = torch.from_numpy(self._labels.validation.rows)
        if not len(rows):
            return None
        outputs = self.model(self._features[0, rows])
        vectors, logits = self._network.vectors(outputs), self._network.category_logits(outputs)
        return validation_scores(vectors, logits, self._labels.validation)


class _TrainingOutputs(nn.Module):
    """`network.outputs` as the forward pass, which DistributedDataParallel needs."""

    def __init__(self, network: LookalikeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: Tensor) -> Outputs:
        return self.network.outputs(photos)


def validation_scores(vectors: Tensor, category_logits: Tensor, labels: Labels) -> ValidationScores:
    """Score vectors (n, d) and logits (n, categories) of the n photos of `labels`; the same photos are the gallery.

    A photo is a query if another, different photo shows its item.
    """
    contents, items, categories = map(torch.from_numpy, (labels.contents, labels.items, labels.categories))
    similarities = (vectors @ vectors.T).float().cpu()
    copies = contents[:, None] == contents[None, :]
    same_item = (items[:, None] == items[None, :]) & ~copies
    nearest = similarities.masked_fill(copies, -torch.inf).topk(min(_NEIGHBOURS, max(len(items) - 1, 1))).indices
    queries = same_item.any(dim=1)
    first_is_same_item = same_item.gather(1, nearest[:, :1])[queries, 0]
    same_category = (categories[nearest] == categories[:, None])[queries]
    right_category = category_logits.argmax(dim=1).cpu() == categories
    return ValidationScores(_mean(right_category), _mean(first_is_same_item), _mean(same_category))


def _mean(flags: Tensor) -> float:
    return float(flags.float().mean()) if flags.numel() else 0.0
