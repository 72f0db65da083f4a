"""Trainings on forty pictures, which take a second each, for tests. Importing this imports torch."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from ml.embedding.torch_tracing import trace_to_openvino
from ml.evaluation.evaluate import evaluate
from ml.labelled import LabelledPhoto
from ml.training.dataset.training_data import TrainingData
from ml.training.recipes import FROM_SCRATCH, FROZEN_TRUNK, Unfreezing
from ml.training.train import train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.evaluation.evaluate import HeldOutMetrics
    from ml.training.recipes import TrainConfig
    from ml.training.result import TrainResult

TINY = replace(FROM_SCRATCH, validation=0.1, size=32, epochs=2, pairs_per_batch=4, vector_size=16)
FROZEN = replace(
    FROZEN_TRUNK,
    size=32,
    epochs=10,
    crops=1,
    pairs_per_batch=8,
    vector_size=16,
    whitened_size=8,
    dropout=0.0,
    learning_rate=1e-2,
    patience=10,
)
UNFREEZING = Unfreezing(stages=1, epochs=2, pairs_per_batch=8, learning_rate=1e-3)
# Without validation photos the trained end of the trunk is always kept.
UNFROZEN = replace(FROZEN, validation=0.0, unfreeze=UNFREEZING)
CATEGORIES = ("plain", "striped")


class TrainingKilled(BaseException):
    """Raised by a test to kill a training."""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished training: its stages in order, and the measured vectors and probabilities."""

    result: TrainResult
    stages: tuple[str, ...]
    vectors: np.ndarray
    probabilities: np.ndarray

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """The weights of the whole network by name."""
        return self.result.network.state_dict()


def finished(
    photos: list[LabelledPhoto], config: TrainConfig, *, weights: Path | None = None, home: Path
) -> FinishedRun:
    """Train a network."""
    stages: list[str] = []
    measured: list[np.ndarray] = []

    def record_and_evaluate(
        rows: list[LabelledPhoto], vectors: np.ndarray, probabilities: np.ndarray, **others: Any
    ) -> HeldOutMetrics:
        measured.extend((vectors, probabilities))
        return evaluate(rows, vectors, probabilities, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml.training.finishing.evaluate", record_and_evaluate)
        result = train(
            TrainingData(photos), config, weights=weights, home=home, progress=lambda at, *_: stages.append(at)
        )
    return FinishedRun(result, tuple(dict.fromkeys(stages)), *measured)


@contextmanager
def described_in_f32() -> Iterator[None]:
    """Describe photos in float32 on every processor in the block."""

    def in_f32(*arguments: Any, **options: Any) -> Any:
        return trace_to_openvino(*arguments, **{**options, "precision": "f32"})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml.training.descriptors.trace_to_openvino", in_f32)
        yield


def same_network(one: FinishedRun, other: FinishedRun) -> bool:
    """Whether two trainings gave equal weights, bit by bit."""
    return one.weights.keys() == other.weights.keys() and all(
        torch.equal(weights, other.weights[name]) for name, weights in one.weights.items()
    )


def write_photos(folder: Path) -> list[LabelledPhoto]:
    """Write two photos in different light for each of 20 listings in two categories."""
    rng = np.random.default_rng(0)
    made = []
    for listing in range(20):
        colour, category = rng.integers(0, 256, 3), CATEGORIES[listing % 2]
        for light in (-20, 20):
            path = folder / f"{listing}{light:+}.jpg"
            Image.fromarray(_picture(colour, category, light=light)).save(path, quality=95)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            made.append(LabelledPhoto(len(made) + 1, f"listing-{listing}", category, sha256, path))
    return made


def _picture(colour: np.ndarray, category: str, *, light: int) -> np.ndarray:
    """Return a plain or striped picture, uint8 (48, 48, 3)."""
    pixels = np.broadcast_to(colour, (48, 48, 3)).copy()
    if category == "striped":
        pixels[::4] = 255 - pixels[::4]
    return np.clip(pixels.astype(int) + light, 0, 255).astype(np.uint8)
