"""Training recipes: TOML files with a reason for each value."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

_RECIPES = Path(__file__).parent / "recipe_files"


class _Bounds(NamedTuple):
    """The range of a value: from `minimum` (exclusive if `above`) up to, but not including, `limit`."""

    minimum: float
    limit: float = math.inf
    above: bool = False

    def contains(self, value: float) -> bool:
        return (self.minimum < value if self.above else self.minimum <= value) and value < self.limit

    def __str__(self) -> str:
        low = f"greater than {self.minimum:g}" if self.above else f"at least {self.minimum:g}"
        return low if self.limit == math.inf else f"{low} and less than {self.limit:g}"


_COUNT, _POSITIVE_COUNT = _Bounds(0), _Bounds(1)
_WEIGHT, _RATE = _Bounds(0), _Bounds(0, above=True)
_SHARE, _POSITIVE_SHARE = _Bounds(0, 1), _Bounds(0, 1, above=True)

_BOUNDS = {
    "size": _Bounds(16, 4097),
    "vector_size": _POSITIVE_COUNT,
    "held_out": _POSITIVE_SHARE,
    "validation": _SHARE,
    "class_from": _COUNT,
    "epochs": _POSITIVE_COUNT,
    "patience": _COUNT,
    "warm_up": _POSITIVE_SHARE,
    "pairs_per_batch": _POSITIVE_COUNT,
    "learning_rate": _RATE,
    "weight_decay": _WEIGHT,
    "label_smoothing": _SHARE,
    "class_weighting": _WEIGHT,
    "contrastive_weight": _WEIGHT,
    "category_contrastive_weight": _WEIGHT,
    "contrastive_temperature": _RATE,
    "category_share": _SHARE,
    "crops": _COUNT,
    "whitened_size": _POSITIVE_COUNT,
    "whitening_power": _WEIGHT,
    "dropout": _SHARE,
    "memory": _COUNT,
    "gradient_norm": _RATE,
    "seed": _Bounds(0, 2**32),
}
"""The range of each number in a recipe."""


class TrainingError(ValueError):
    """Training is not possible with these inputs."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}.")


class _BadRecipe(TrainingError):
    """A value of a recipe is out of range, or does not go with another value."""

    def __init__(self, problem: str, remedy: str = "Correct the value") -> None:
        super().__init__(f"The recipe cannot be used: {problem}", remedy)
        self.problem, self.remedy = problem, remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfreezing:
    """The table [unfreeze] of a recipe: after the heads, the end of a frozen trunk is trained as well.

    Attributes:
        stages: number of the trunk's four stages, counted from the end.
        epochs: passes over the training photos.
        pairs_per_batch: lower than for the heads alone, since the whole photos of a batch are in memory.
        learning_rate: peak rate, for the stages and the heads.
    """

    stages: int
    epochs: int
    pairs_per_batch: int
    learning_rate: float

    def __post_init__(self) -> None:
        """Raise TrainingError for a value out of range."""
        if (
            not 1 <= self.stages <= 4
            or min(self.epochs, self.pairs_per_batch) < 1
            or not 0 < self.learning_rate < math.inf
        ):
            values = ", ".join(f"{field.name} = {getattr(self, field.name)}" for field in fields(self))
            raise _BadRecipe(
                f"[unfreeze] has {values}, but needs 1 to 4 stages, and the other values must be positive",
                "Correct the table, or remove it",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """A training recipe. The files in `ml/training/recipe_files` give the reasons for their values.

    Attributes:
        trunk: `random`: train the whole network from random weights. `frozen`: keep pretrained weights, and train only
            the projection and the category head.
        size: side of the square that photos are resized to, in pixels.
        vector_size: components of a vector.
        held_out: share of each category's listings to measure on, once, at the end.
        validation: share of each category's listings for stopping early and for calibration.
        class_from: a subcategory with at least this many training listings is a class of its own; 0: none is.
        epochs: passes over the training photos, at most.
        patience: stop after this many epochs without a better validation score, and keep the best epoch's weights. 0:
            never stop early and keep the last weights, which is better where there are few validation photos.
        warm_up: share of the steps in which the learning rate rises; after that it falls along a cosine.
        pairs_per_batch: pairs of photos of one item; a batch has twice as many photos.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: of AdamW; not applied to biases and normalisation weights.
        label_smoothing: in the classification loss.
        class_weighting: 0 weights every photo equally; 1 weights every class equally.
        contrastive_weight: weight of the loss that pulls photos of an item together; the classification loss has 1.
        category_contrastive_weight: weight of the loss that pulls photos of a category together.
        contrastive_temperature: of both contrastive losses.
        category_share: share of the vector that encodes the category; see `LookalikeNet`.
        crops: random crops of each photo, besides the photo and its mirror image (frozen trunk only; a trunk that is
            trained gets new crops every epoch).
        whitened_size: components of each part after whitening; see `fit_whitening` (frozen trunk only).
        whitening_power: strength of the whitening; see `fit_whitening` (frozen trunk only).
        dropout: share of the whitened components that each step drops (frozen trunk only).
        memory: training photos, at most, that vote on the category; see `LookalikeNet`.
        turn_hues: whether to turn the hues of photos when a trunk is trained; see `turn_hue`.
        int8: whether to add an int8 graph to the bundle.
        gradient_norm: longer gradients are scaled down to this norm.
        seed: of the split, the initial weights, the batches and the augmentation.
        unfreeze: how to train the end of a frozen trunk after the heads; None, or no such table: do not train it.
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
        """Raise TrainingError for a value out of range."""
        for field in fields(self):
            value = getattr(self, field.name)
            if (bounds := _BOUNDS.get(field.name)) is not None and not bounds.contains(value):
                raise _BadRecipe(f"{field.name} is {value}, and must be {bounds}")
        if self.unfreeze is not None and self.trunk != "frozen":
            raise _BadRecipe('the table [unfreeze] needs trunk = "frozen"', "Remove the table")
        if self.held_out + self.validation >= 1:
            raise _BadRecipe(
                f"held_out is {self.held_out} and validation is {self.validation}, which leaves nothing to train on",
                "Lower them so that their sum is less than 1",
            )


def read_recipe(file: Path) -> TrainConfig:
    """Read a recipe. The file must have every value, and no others; the table [unfreeze] is optional.

    Raises:
        TrainingError: the file cannot be read, or a value is missing, unknown or out of range.
    """
    compare = "Compare it with the recipes in ml/training/recipe_files"
    try:
        values = tomllib.loads(file.read_text())
        if unknown := sorted(values.keys() - {field.name for field in fields(TrainConfig)}):
            raise TrainingError(f"{file}: unknown value {unknown[0]!r}", compare)
        return msgspec.convert(values, type=TrainConfig)
    except OSError as error:
        raise TrainingError(f"{file}: cannot be read ({error.strerror})", "Give the path of a TOML file") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        if isinstance(error.__cause__, _BadRecipe):
            raise TrainingError(f"{file}: {error.__cause__.problem}", error.__cause__.remedy) from error
        problem = str(error).replace("$.", "")
        raise TrainingError(f"{file}: is not a recipe ({problem})", compare) from error


FROM_SCRATCH = read_recipe(_RECIPES / "from_scratch.toml")
"""Random weights and small photos: trains in minutes on two cores."""

FROZEN_TRUNK = read_recipe(_RECIPES / "frozen_trunk.toml")
"""Pretrained weights and the two heads: the default with weights."""

FINE_TUNED = read_recipe(_RECIPES / "fine_tuned.toml")
"""The demo model's trunk: heads first, then the end of the trunk. Trains in minutes on a processor."""

SAMPLE = read_recipe(_RECIPES / "sample.toml")
"""The model in the package: random weights, thousands of drawn listings. Trains in an hour on a processor."""
