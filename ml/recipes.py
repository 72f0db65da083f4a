"""How a network is trained: every value that was chosen, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class TrainingError(ValueError):
    """A network cannot be trained from this: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}.")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One way to train; `FROM_SCRATCH` and `FROZEN_TRUNK` give the reasons for their values.

    Attributes:
        trunk: `random`: the whole network learns, from random weights; `frozen`: ImageNet weights stay as they are, and
            only the projection and the category head learn.
        size: side of the square that photos are brought to, in pixels.
        vector_size: components of a vector.
        held_out: share of each category's listings that is measured on and never trained on.
        epochs: passes over the training photos.
        pairs_per_batch: two photos of one listing each, so a batch has twice as many photos.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: of AdamW; biases and normalisation weights are spared.
        label_smoothing: in the category loss.
        contrastive_weight: of the loss that pulls photos of one listing together; the category loss weighs 1.
        category_contrastive_weight: of the loss that pulls photos of one category together.
        contrastive_temperature: in both of them.
        crops: random crops of each photo that the heads learn from, besides the photo and its mirror image (frozen
            trunk only; where the trunk learns, every epoch crops anew).
        whitened_size, whitening_power: what each layer's features become before the heads learn; see `fit_whitening`
            (frozen trunk only).
        dropout: share of the whitened components that a step leaves out (frozen trunk only).
        gradient_norm: gradients longer than this are shortened to it.
        seed: of the split, the initial weights, the batches and the augmentation.
    """

    trunk: Literal["random", "frozen"]
    size: int
    epochs: int
    pairs_per_batch: int
    learning_rate: float
    weight_decay: float
    contrastive_weight: float
    contrastive_temperature: float
    vector_size: int = 256
    held_out: float = 0.2
    label_smoothing: float = 0.1
    category_contrastive_weight: float = 0.0
    crops: int = 0
    whitened_size: int = 512
    whitening_power: float = 1.0
    dropout: float = 0.0
    gradient_norm: float = 1.0
    seed: int = 0


FROM_SCRATCH = TrainConfig(
    trunk="random",
    size=64,  # the largest at which a processor with two cores trains in minutes
    epochs=40,  # about as many as fit into four minutes there; at 30 it still gains
    pairs_per_batch=32,
    learning_rate=2e-3,  # with the identity blocks it converges; at 1e-3 it learns visibly slower
    weight_decay=0.05,
    contrastive_weight=0.2,  # at 1.0 the same-listing loss crowds out the category
    contrastive_temperature=0.1,
)

FROZEN_TRUNK = TrainConfig(
    trunk="frozen",
    size=224,
    epochs=30,  # at 60 the heads know the training listings better and others worse
    pairs_per_batch=256,
    learning_rate=1e-3,
    weight_decay=0.05,
    contrastive_weight=1.0,
    category_contrastive_weight=0.5,  # trades recall of the same listing for the category's precision: at 1.0, 1 for 1
    contrastive_temperature=0.1,
    crops=4,  # with them recall@1 gains 2 points over the photo and its mirror image alone
    whitening_power=0.75,  # recall@1 gains 2 points over 1.0, mostly from the square roots' small components
    dropout=0.3,
)
