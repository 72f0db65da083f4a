"""The two things that are optimised: a whole network on pixels, or its two heads on stored features.

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
from ml.training.augment import augment
from ml.training.losses import class_weights, classification_loss, contrastive_loss
from ml.training.optimise import Scores

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ml.network.model import LookalikeNet
    from ml.training.distributed import TrainingProcesses
    from ml.training.labels import Labels, SplitLabels
    from ml.training.recipes import TrainConfig

_VALIDATED_AT_ONCE = 32

_LOOKED_AT = 5


class Objective:
    """The loss that a recipe minimises: classes, plus photos of one item and of one category pulled together."""

    def __init__(self, labels: Labels, classes: int, config: TrainConfig) -> None:
        self._labels, self._config = labels, config
        self._class_weights = class_weights(labels.classes, classes, power=config.class_weighting)

    def __call__(self, found: Outputs, batch: NDArray[np.int64]) -> Tensor:
        """Return the mean loss of the outputs for `batch`, rows of the labels."""
        config, device, labels = self._config, found.logits.device, self._labels[batch]
        loss = classification_loss(
            found.logits,
            torch.from_numpy(labels.classes).to(device),
            weights=self._class_weights.to(device),
            label_smoothing=config.label_smoothing,
        )
        for weight, alike in (
            (config.contrastive_weight, labels.items),
            (config.category_contrastive_weight, labels.categories),
        ):
            if weight:
                together = torch.from_numpy(alike).to(device)
                loss = loss + weight * contrastive_loss(
                    found.items, together, temperature=config.contrastive_temperature
                )
        return loss


class NetworkTask:
    """Every weight of a network that is not frozen, on pixels."""

    def __init__(
        self,
        network: LookalikeNet,
        pixels: NDArray[np.uint8],
        labels: SplitLabels,
        config: TrainConfig,
        *,
        workers: TrainingProcesses,
    ) -> None:
        """`pixels` is uint8 (photos, S, S, 3); the network lies on the device that computes."""
        self.model: nn.Module = network
        self.items = labels.train.items
        self._network, self._pixels, self._labels, self._workers = network, pixels, labels, workers
        self._turn_hues = config.turn_hues
        self._objective = Objective(labels.train, network.category_head.out_features, config)
        self._device = network.mean.device
        self._computed = workers.wrap(_Trained(network), self._device)

    def loss(self, batch: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """See `Task.loss`."""
        workers = self._workers
        batch = batch[: len(batch) - len(batch) % (2 * workers.count)]
        share = workers.share(batch)
        hues_of = torch.from_numpy(self.items[share]) if self._turn_hues else None
        pixels = torch.from_numpy(self._pixels[self._labels.train.rows[share]]).to(self._device)
        with mixed_precision(self._device):
            found = self._computed(augment(pixels, generator, hues_of=hues_of))
        return self._objective(Outputs(workers.gather(found.items), workers.gather(found.logits)), batch)

    @staticmethod
    def prepared(network: LookalikeNet, device: torch.device) -> AbstractContextManager[None]:
        """Return a context in which the network trains fastest on the device; the task is made inside it."""
        return small_maps_by_matmul(network) if device.type == "cpu" else nullcontext()

    @torch.inference_mode()
    def validate(self) -> Scores | None:
        """See `Task.validate`."""
        rows = self._labels.validation.rows
        if not len(rows):
            return None
        found = []
        for start in range(0, len(rows), _VALIDATED_AT_ONCE):
            pixels = torch.from_numpy(self._pixels[rows[start : start + _VALIDATED_AT_ONCE]]).to(self._device)
            with mixed_precision(self._device):
                found.append(self._network.outputs(pixels))
        outputs = Outputs(*(torch.cat(parts) for parts in zip(*found, strict=True)))
        return score(self._network.vectors(outputs), self._network.category_logits(outputs), self._labels.validation)


class HeadsTask:
    """A projection and a category head, on the stored features of a trunk that stays as it is."""

    def __init__(
        self, heads: nn.Module, features: Tensor, labels: SplitLabels, config: TrainConfig, *, network: LookalikeNet
    ) -> None:
        """`features` is float32 (views, photos, f): each time a photo is drawn, one of its views is taken at random.

        `network` is what the heads are for: it knows the classes.
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
    def validate(self) -> Scores | None:
        """See `Task.validate`."""
        rows = torch.from_numpy(self._labels.validation.rows)
        if not len(rows):
            return None
        outputs = self.model(self._features[0, rows])
        return score(self._network.vectors(outputs), self._network.category_logits(outputs), self._labels.validation)


class _Trained(nn.Module):
    """What is trained of a network, as the forward pass that a wrapper can see."""

    def __init__(self, network: LookalikeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: Tensor) -> Outputs:
        return self.network.outputs(photos)


def score(vectors: Tensor, category_logits: Tensor, labels: Labels) -> Scores:
    """Return the scores of vectors (n, d) and logits (n, categories) of the photos of `labels`, each other's gallery.

    A photo of which there is no other of its item is no query.
    """
    contents, items, categories = map(torch.from_numpy, (labels.contents, labels.items, labels.categories))
    similarities = (vectors @ vectors.T).float().cpu()
    copies = contents[:, None] == contents[None, :]
    same_item = (items[:, None] == items[None, :]) & ~copies
    nearest = similarities.masked_fill(copies, -torch.inf).topk(min(_LOOKED_AT, max(len(items) - 1, 1))).indices
    queries = same_item.any(dim=1)
    found = same_item.gather(1, nearest[:, :1])[queries, 0]
    of_category = (categories[nearest] == categories[:, None])[queries]
    right = category_logits.argmax(dim=1).cpu() == categories
    return Scores(_mean(right), _mean(found), _mean(of_category))


def _mean(flags: Tensor) -> float:
    return float(flags.float().mean()) if flags.numel() else 0.0
