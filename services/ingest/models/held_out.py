"""Which of the listings at hand a model may be measured on, by what its bundle says it was made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.evaluation.report.figures import SplitUse
from services.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.bundle.manifest import SplitRecord
    from ml.labelled import LabelledPhoto


class CannotEvaluate(BadInput):
    """There is nothing that the model may be measured on."""


class SplitMissing(CannotEvaluate):
    """The bundle does not say which listings it was made with."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(
            f"{bundle} does not say which listings it was trained on, so none is known to be new to it. "
            "Train again with `lookalike train`, and evaluate that model."
        )


class NothingHeldOut(CannotEvaluate):
    """None of the listings at hand may be measured on."""

    def __init__(self, version: str, *, unseen: bool) -> None:
        if unseen:
            problem, remedy = "has seen every listing here", "Ingest listings that it was not trained on"
        else:
            problem, remedy = "held out none of the listings here", "Use --unseen to measure on those it has never seen"
        super().__init__(f"Model {version} {problem}. {remedy}.")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What to measure on: `rows` of the `photos`, at least one, and how they were chosen."""

    rows: NDArray[np.int64]
    photos: int
    use: SplitUse


def split_of(bundle: Bundle) -> SplitRecord:
    """Return the bundle's split.

    Raises:
        SplitMissing: it has none.
    """
    if bundle.split is None:
        raise SplitMissing(bundle.path)
    return bundle.split


def held_out_photos(
    photos: Sequence[LabelledPhoto], items: Mapping[str, str], *, bundle: Bundle, unseen: bool
) -> HeldOut:
    """Choose the photos to measure on.

    By default they are those of the listings that the bundle's split holds out. With `unseen` they are those of every
    listing that is neither in the split's training nor in its validation, nor is the same item as one of those: the
    held-out ones, and any that came later or from elsewhere. Sameness is only known of listings that are at hand.

    Args:
        items: each listing's item, see `ml.training.split.item_of_listing`.

    Raises:
        SplitMissing: the bundle does not say what it was made with.
        NothingHeldOut: no listing at hand may be measured on.
    """
    split = split_of(bundle)
    present, learnt = {photo.listing_id for photo in photos}, {*split.train, *split.validation}
    unknown = present - learnt - set(split.held_out)
    learnt_items = {items[listing] for listing in present & learnt}
    too_alike = {listing for listing in unknown if items[listing] in learnt_items}
    chosen = present & set(split.held_out)
    if unseen:
        chosen |= unknown - too_alike
    if not chosen:
        raise NothingHeldOut(bundle.version, unseen=unseen)
    use = SplitUse(
        rule="unseen" if unseen else "held out",
        seed=split.seed,
        train=len(split.train),
        validation=len(split.validation),
        held_out=len(split.held_out),
        measured=len(chosen),
        missing=len(set(split.held_out) - present),
        unknown=len(unknown),
        too_alike=len(too_alike),
    )
    rows = np.array([row for row, photo in enumerate(photos) if photo.listing_id in chosen])
    return HeldOut(rows, photos=len(photos), use=use)
