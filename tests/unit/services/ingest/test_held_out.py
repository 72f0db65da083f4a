"""Which listings a model may be measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import SplitRecord
from ml.labelled import LabelledPhoto
from ml.training.split import item_of_listing
from services.ingest.models.held_out import HeldOut, NothingHeldOut, SplitMissing, held_out_photos
from tests.unit.ml.bundle.test_bundle import write_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

SPLIT = SplitRecord(3, 0.1, 0.2, train=("trained",), validation=("validated",), held_out=("held", "gone"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return replace(Bundle.load(write_bundle(tmp_path / "model")), split=SPLIT)


def photos_of(*listings: str) -> list[LabelledPhoto]:
    """One photo of each listing; `name:bytes` shows a photo that another listing may show, too."""
    parts = [listing.partition(":") for listing in listings]
    return [LabelledPhoto(n, name, "c", shown or name, Path("x")) for n, (name, _, shown) in enumerate(parts)]


def chosen(photos: Sequence[LabelledPhoto], bundle: Bundle, *, unseen: bool) -> tuple[set[str], HeldOut]:
    found = held_out_photos(photos, item_of_listing(photos), bundle=bundle, unseen=unseen)
    return {photos[row].listing_id for row in found.rows}, found


def test_the_listings_that_the_split_holds_out_are_measured_on(bundle: Bundle) -> None:
    listings, found = chosen(photos_of("trained", "validated", "held", "new"), bundle, unseen=False)
    assert listings == {"held"}
    assert (found.use.measured, found.use.missing, found.use.unknown) == (1, 1, 1)


def test_unseen_are_the_held_out_and_the_unknown_listings(bundle: Bundle) -> None:
    assert chosen(photos_of("trained", "validated", "held", "new"), bundle, unseen=True)[0] == {"held", "new"}


def test_a_new_listing_with_a_photo_that_was_trained_on_is_not_unseen(bundle: Bundle) -> None:
    listings, found = chosen(photos_of("trained:a", "relisted:a", "new"), bundle, unseen=True)
    assert listings == {"new"}
    assert (found.use.unknown, found.use.too_alike) == (2, 1)


def test_other_listings_than_the_split_names_need_unseen(bundle: Bundle) -> None:
    with pytest.raises(NothingHeldOut, match="--unseen"):
        chosen(photos_of("trained", "new"), bundle, unseen=False)


def test_a_model_that_has_seen_every_listing_cannot_be_measured(bundle: Bundle) -> None:
    with pytest.raises(NothingHeldOut, match="has seen every listing"):
        chosen(photos_of("trained", "validated"), bundle, unseen=True)


def test_a_bundle_that_does_not_say_what_it_was_trained_on_cannot_be_measured(bundle: Bundle) -> None:
    with pytest.raises(SplitMissing, match="lookalike train"):
        chosen(photos_of("new"), replace(bundle, split=None), unseen=True)
