"""The optimisation loop, and the two things it fits: a whole network on pixels, or its two heads on stored features.

Importing this imports torch.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from ml.augment import augment
from ml.data import paired_batches
from ml.device import mixed_precision
from ml.losses import category_loss, contrastive_loss
from ml.recipes import TrainingError
from ml.small_maps import small_maps_by_matmul

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from ml.model import LookalikeNet, Outputs
    from ml.recipes import TrainConfig


_WARM_UP = 0.15
"""Share of the steps in which the learning rate rises; PyTorch's 0.3 leaves too few at a rate that learns."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of the photos trained on.

    Attributes:
        rows: int64 (n,), where each photo's pixels or features lie.
        categories: int64 (n,).
        items: int64 (n,); equal for photos of one listing.
    """

    rows: NDArray[np.int64]
    categories: NDArray[np.int64]
    items: NDArray[np.int64]


def fit_network(
    network: LookalikeNet,
    pixels: NDArray[np.uint8],
    labels: Labels,
    *,
    config: TrainConfig,
    progress: Callable[[int, int], None],
) -> tuple[float, ...]:
    """Train every weight of `network`, where it lies, on `pixels`, (photos, S, S, 3); return each epoch's mean loss.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    device = network.mean.device

    def outputs(batch: NDArray[np.int64], generator: torch.Generator) -> Outputs:
        listings = torch.from_numpy(labels.items[batch])
        photos = augment(torch.from_numpy(pixels[labels.rows[batch]]).to(device), generator, hues_of=listings)
        with mixed_precision(device):
            return network.outputs(photos)

    with small_maps_by_matmul(network) if device.type == "cpu" else nullcontext():
        return _Fitting(network, outputs, labels, config).run(progress)


def fit_heads(
    heads: nn.Module,
    features: Tensor,
    labels: Labels,
    *,
    config: TrainConfig,
    progress: Callable[[int, int], None],
) -> tuple[float, ...]:
    """Train `heads`, from features (B, f) to outputs, on `features` (views, photos, f); return each epoch's mean loss.

    Each time a photo is drawn, one of its views is taken at random.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    rows = torch.from_numpy(labels.rows)

    def outputs(batch: NDArray[np.int64], generator: torch.Generator) -> Outputs:
        views = torch.randint(len(features), (len(batch),), generator=generator)
        found: Outputs = heads(features[views, rows[batch]])
        return found

    return _Fitting(heads, outputs, labels, config).run(progress)


@dataclass(frozen=True, slots=True)
class _Fitting:
    """Minimises the category loss plus the weighted contrastive losses, by AdamW on a one-cycle schedule."""

    model: nn.Module
    outputs: Callable[[NDArray[np.int64], torch.Generator], Outputs]
    labels: Labels
    config: TrainConfig

    def run(self, progress: Callable[[int, int], None]) -> tuple[float, ...]:
        epochs = [self._draw(number) for number in range(self.config.epochs)]
        steps = sum(len(batches) for batches, _ in epochs)
        optimizer = AdamW(
            _parameter_groups(self.model, self.config.weight_decay), self.config.learning_rate, fused=True
        )
        schedule = OneCycleLR(optimizer, self.config.learning_rate, total_steps=steps, pct_start=_WARM_UP)
        losses: list[float] = []
        self.model.train()
        for batches, generator in epochs:
            for batch in batches:
                losses.append(self._step(batch, generator, optimizer))
                schedule.step()
                progress(len(losses), steps)
        self.model.eval()
        return tuple(float(np.mean(epoch)) for epoch in np.array_split(losses, self.config.epochs))

    def _draw(self, epoch: int) -> tuple[list[NDArray[np.int64]], torch.Generator]:
        """Return the epoch's batches and the source of its augmentation: the same for the same seed and number."""
        rng = np.random.default_rng([self.config.seed, epoch])
        batches = paired_batches(self.labels.items, pairs_per_batch=self.config.pairs_per_batch, rng=rng)
        return list(batches), torch.Generator().manual_seed(int(rng.integers(2**32)))

    def _step(self, batch: NDArray[np.int64], generator: torch.Generator, optimizer: Optimizer) -> float:
        optimizer.zero_grad()
        loss = self._loss(self.outputs(batch, generator), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self.model.parameters(), self.config.gradient_norm)
        optimizer.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"training diverged (the loss is {value})", "Train with a lower learning rate")
        return value

    def _loss(self, found: Outputs, batch: NDArray[np.int64]) -> Tensor:
        config, device = self.config, found.logits.device
        categories = torch.from_numpy(self.labels.categories[batch]).to(device)
        items = torch.from_numpy(self.labels.items[batch]).to(device)
        loss = category_loss(found.logits, categories, label_smoothing=config.label_smoothing)
        for weight, labels in ((config.contrastive_weight, items), (config.category_contrastive_weight, categories)):
            if weight:
                loss = loss + weight * contrastive_loss(
                    found.vectors, labels, temperature=config.contrastive_temperature
                )
        return loss


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Spare biases and normalisation weights, which have one dimension, from the decay: it would only bias them."""
    return [
        {"params": [weight for weight in model.parameters() if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in model.parameters() if weight.ndim <= 1], "weight_decay": 0.0},
    ]
