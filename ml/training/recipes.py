"""How a network is trained: a recipe is a TOML file, in which each value stands with its reason."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

_HOME = Path(__file__).parent / "recipe_files"


class _Bounds(NamedTuple):
    """Where a value of a recipe may lie: from `least` on, or above it, and below `limit`."""

    least: float
    limit: float = math.inf
    above: bool = False

    def hold(self, value: float) -> bool:
        return (self.least < value if self.above else self.least <= value) and value < self.limit

    def __str__(self) -> str:
        low = f"more than {self.least:g}" if self.above else f"at least {self.least:g}"
        return low if self.limit == math.inf else f"{low} and less than {self.limit:g}"


_ANY_COUNT, _COUNT = _Bounds(0), _Bounds(1)
_WEIGHT, _RATE = _Bounds(0), _Bounds(0, above=True)
_SHARE, _TRUE_SHARE = _Bounds(0, 1), _Bounds(0, 1, above=True)

_BOUNDS = {
    "size": _Bounds(16, 4097),
    "vector_size": _COUNT,
    "held_out": _TRUE_SHARE,
    "validation": _SHARE,
    "class_from": _ANY_COUNT,
    "epochs": _COUNT,
    "patience": _ANY_COUNT,
    "warm_up": _TRUE_SHARE,
    "pairs_per_batch": _COUNT,
    "learning_rate": _RATE,
    "weight_decay": _WEIGHT,
    "label_smoothing": _SHARE,
    "class_weighting": _WEIGHT,
    "contrastive_weight": _WEIGHT,
    "category_contrastive_weight": _WEIGHT,
    "contrastive_temperature": _RATE,
    "category_share": _SHARE,
    "crops": _ANY_COUNT,
    "whitened_size": _COUNT,
    "whitening_power": _WEIGHT,
    "dropout": _SHARE,
    "memory": _ANY_COUNT,
    "gradient_norm": _RATE,
    "seed": _Bounds(0, 2**32),
}
"""Of the values of a recipe that are numbers."""


class TrainingError(ValueError):
    """A network cannot be trained from this: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfreezing:
    """A second part of the training, in which the end of a frozen trunk learns as well.

    Attributes:
        stages: of the trunk's four, counted from the end.
        epochs: passes over the training photos.
        pairs_per_batch: fewer than for the heads alone: whole photos of a batch are in memory.
        learning_rate: the peak; of the heads too, which have learnt already.
    """

    stages: int
    epochs: int
    pairs_per_batch: int
    learning_rate: float

    def __post_init__(self) -> None:
        """Raise TrainingError for a value that no training can be done with."""
        if (
            not 1 <= self.stages <= 4
            or min(self.epochs, self.pairs_per_batch) < 1
            or not 0 < self.learning_rate < math.inf
        ):
            raise TrainingError(
                f"The recipe cannot be used: [unfreeze] needs 1 to 4 stages and positive values, not {self}",
                "Correct it, or leave the table out",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One way to train. The files in `ml/training/recipe_files` give the reasons for their values.

    Attributes:
        trunk: `random`: the whole network learns, from random weights; `frozen`: ImageNet weights stay as they are, and
            only the projection and the category head learn.
        size: side of the square that photos are brought to, in pixels.
        vector_size: components of a vector.
        held_out, validation: shares of each category's listings: to measure on, once; and to decide by when to stop,
            and to calibrate on.
        class_from: a subcategory with at least this many listings to train on is a class of its own;
            0: none is.
        epochs: passes over the training photos, at most.
        patience: epochs without a better one on validation after which training ends, with the weights of the best; 0:
            it never ends early, and the last weights are kept, as they are where the validation photos are too few to
            choose by.
        warm_up: share of the steps in which the learning rate rises, before it falls as a cosine.
        pairs_per_batch: two photos of one item each, so a batch has twice as many photos.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: of AdamW; biases and normalisation weights are spared.
        label_smoothing: in the classification loss.
        class_weighting: 0: a class counts by its photos; 1: all classes count the same.
        contrastive_weight: of the loss that pulls photos of one item together; the classification loss weighs 1.
        category_contrastive_weight: of the loss that pulls photos of one category together.
        contrastive_temperature: in both of them.
        category_share: of the vector, in a part that says which category it is; see `LookalikeNet`.
        crops: random crops of each photo that the heads learn from, besides the photo and its mirror image (frozen
            trunk only; where the trunk learns, every epoch crops anew).
        whitened_size, whitening_power: what each layer's features become before the heads learn; see `fit_whitening`
            (frozen trunk only).
        dropout: share of the whitened components that a step leaves out (frozen trunk only).
        memory: training photos, at most, that vote on the category; see `LookalikeNet`.
        turn_hues: whether photos that a trunk learns from have their hues turned; see `turn_hue`.
        int8: whether the bundle gets an int8 graph as well.
        gradient_norm: gradients longer than this are shortened to it.
        seed: of the split, the initial weights, the batches and the augmentation.
        unfreeze: whether and how the end of a frozen trunk learns after the heads; None, or no such table: it does not.
    """

    trunk: Literal["random", "frozen"]
    size: int
    epochs: int
    patience: int
    pairs_per_batch: int
    learning_rate: float
    weight_decay: float
    warm_up: float
    label_smoothing: float
    class_from: int
    class_weighting: float
    contrastive_weight: float
    category_contrastive_weight: float
    category_share: float
    contrastive_temperature: float
    crops: int
    whitened_size: int
    whitening_power: float
    dropout: float
    memory: int
    vector_size: int
    held_out: float
    validation: float
    gradient_norm: float
    turn_hues: bool
    int8: bool
    seed: int
    unfreeze: Unfreezing | None = None

    def __post_init__(self) -> None:
        """Raise TrainingError for a value that no training can be done with."""
        for field in fields(self):
            value = getattr(self, field.name)
            if (bounds := _BOUNDS.get(field.name)) is not None and not bounds.hold(value):
                raise TrainingError(
                    f"The recipe cannot be used: {field.name} is {value}, and must be {bounds}", "Correct it"
                )
        if self.unfreeze is not None and self.trunk != "frozen":
            raise TrainingError("The recipe cannot be used: [unfreeze] is for a frozen trunk", "Leave the table out")
        if self.held_out + self.validation >= 1:
            problem = (
                f"held_out is {self.held_out} and validation {self.validation}, which leaves nothing to learn from"
            )
            raise TrainingError(f"The recipe cannot be used: {problem}", "Correct it")


def read_recipe(file: Path) -> TrainConfig:
    """Return the recipe in a TOML file. Every value must stand there, and nothing else; the table [unfreeze] may.

    Raises:
        TrainingError: the file cannot be read, or a value is missing, unknown or impossible.
    """
    try:
        values = tomllib.loads(file.read_text())
        if unknown := sorted(values.keys() - {field.name for field in fields(TrainConfig)}):
            remedy = "Compare it with the files in ml/training/recipe_files"
            raise TrainingError(f"{file}: unknown value {unknown[0]!r}", remedy)
        return msgspec.convert(values, type=TrainConfig)
    except OSError as error:
        raise TrainingError(f"{file}: cannot be read ({error.strerror})", "Name a recipe, a TOML file") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        problem = str(error).replace("$.", "")
        raise TrainingError(
            f"{file}: is not a recipe ({problem})", "Compare it with a whole one, in ml/training/recipe_files"
        ) from error


FROM_SCRATCH = read_recipe(_HOME / "from_scratch.toml")
"""Random weights at a small size: minutes on two cores, for the demo."""

FROZEN_TRUNK = read_recipe(_HOME / "frozen_trunk.toml")
"""ImageNet weights and the two heads: the default where there are weights."""

FINE_TUNED = read_recipe(_HOME / "fine_tuned.toml")
"""The trunk of a bundle that exists, at its size: heads, then the end of the trunk. Minutes on a processor."""

SAMPLE = read_recipe(_HOME / "sample.toml")
"""The model that the package carries: random weights, thousands of drawn listings. An hour on a processor."""
