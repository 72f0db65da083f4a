"""Choosing the listings to measure a model on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import SplitRecord
from ml.copies.items import item_of_listing
from ml.labelled import LabelledPhoto
from services.ingest.models.held_out import HeldOut, NothingHeldOut, SplitMissing, held_out_photos
from tests.unit.ml.bundle.test_bundle import write_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

SPLIT = SplitRecord(3, 0.1, 0.2, train=("trained",), validation=("validated",), held_out=("held", "gone"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return replace(Bundle.load(write_bundle(tmp_path / "model")), split=SPLIT)


def photos_of(*listings: str) -> list[LabelledPhoto]:
    """Make one photo per listing; `name:bytes` gives a photo that another listing may have as well."""
    parts = [listing.partition(":") for listing in listings]
    return [LabelledPhoto(n, name, "c", shown or name, Path("x")) for n, (name, _, shown) in enumerate(parts)]


def chosen(photos: Sequence[LabelledPhoto], bundle: Bundle, *, unseen: bool) -> tuple[set[str], HeldOut]:
    held_out = held_out_photos(photos, item_of_listing(photos), bundle=bundle, unseen=unseen)
    return {photos[row].listing_id for row in held_out.rows}, held_out


def test_measures_on_the_held_out_listings_of_the_split(bundle: Bundle) -> None:
    listings, held_out = chosen(photos_of("trained", "validated", "held", "new"), bundle, unseen=False)
    assert listings == {"held"}
    assert (held_out.use.measured, held_out.use.missing, held_out.use.unknown) == (1, 1, 1)


def test_unseen_adds_the_listings_that_the_split_does_not_know(bundle: Bundle) -> None:
    assert chosen(photos_of("trained", "validated", "held", "new"), bundle, unseen=True)[0] == {"held", "new"}


def test_unseen_excludes_new_listings_of_items_that_were_trained_on(bundle: Bundle) -> None:
    listings, held_out = chosen(photos_of("trained:a", "relisted:a", "new"), bundle, unseen=True)
    assert listings == {"new"}
    assert (held_out.use.unknown, held_out.use.too_alike) == (2, 1)


@pytest.mark.parametrize("unseen", [False, True])
def test_a_held_out_listing_that_turned_out_to_be_a_trained_item_is_not_measured(bundle: Bundle, unseen: bool) -> None:
    listings, held_out = chosen(photos_of("trained:a", "held:a", "gone"), bundle, unseen=unseen)
    assert listings == {"gone"}
    assert (held_out.use.measured, held_out.use.too_alike) == (1, 1)


def test_listings_outside_the_split_need_unseen(bundle: Bundle) -> None:
    with pytest.raises(NothingHeldOut, match="--unseen"):
        chosen(photos_of("trained", "new"), bundle, unseen=False)


def test_refuses_to_measure_a_model_that_has_seen_every_listing(bundle: Bundle) -> None:
    with pytest.raises(NothingHeldOut, match="has seen every listing"):
        chosen(photos_of("trained", "validated"), bundle, unseen=True)


def test_refuses_to_measure_a_bundle_without_a_split(bundle: Bundle) -> None:
    with pytest.raises(SplitMissing, match="lookalike train"):
        chosen(photos_of("new"), replace(bundle, split=None), unseen=True)
