"""Chooses the listings to measure a model on: listings that it was not trained on, by its bundle's split."""

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
    """There are no listings to measure the model on."""


class SplitMissing(CannotEvaluate):
    """The bundle does not record its split."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(
            f"The model bundle {bundle} does not say which listings it was trained on, so no listing is known to be "
            "new to it. Train a model with `lookalike train`, and evaluate that one."
        )


class NothingHeldOut(CannotEvaluate):
    """The catalogue has no listing that the model has not seen, or none that its split holds out."""

    def __init__(self, version: str, *, unseen: bool) -> None:
        if unseen:
            problem, remedy = "has seen every listing here", "Ingest listings that it was not trained on"
        else:
            problem = "held out none of the listings here"
            remedy = "Use --unseen to measure on the listings that it has never seen"
        super().__init__(f"Model {version} {problem}. {remedy}.")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The photos to measure on.

    Attributes:
        rows: indices of the chosen photos, int64 (n,) with n >= 1.
        photos: the number of photos that they were chosen from.
        use: how they were chosen.
    """

    rows: NDArray[np.int64]
    photos: int
    use: SplitUse


def split_of(bundle: Bundle) -> SplitRecord:
    """Return the split of the bundle.

    Raises:
        SplitMissing: the bundle does not record one.
    """
    if bundle.split is None:
        raise SplitMissing(bundle.path)
    return bundle.split


def held_out_photos(
    photos: Sequence[LabelledPhoto], items: Mapping[str, str], *, bundle: Bundle, unseen: bool
) -> HeldOut:
    """Choose the photos to measure on.

    By default, the photos of the listings that the split holds out. With `unseen`, also the photos of listings that the
    split does not know (they came later, or from elsewhere). Never items that training or validation contained: copies
    can be found, and listings accepted as one, after the training. Items can only be compared with training listings
    that are still in the catalogue.

    Args:
        items: the item of each listing; see `ml.copies.items.item_of_listing`.

    Raises:
        SplitMissing: the bundle does not record its split.
        NothingHeldOut: no listing qualifies.
    """
    split = split_of(bundle)
    present, seen = {photo.listing_id for photo in photos}, {*split.train, *split.validation}
    unknown = present - seen - set(split.held_out)
    seen_items = {items[listing] for listing in present & seen}
    too_alike = {listing for listing in present - seen if items[listing] in seen_items}
    chosen = (present & set(split.held_out)) - too_alike
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
