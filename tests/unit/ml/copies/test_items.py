"""Listings are one item if they show copies of one photo, as the duplicate finder calls them copies."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps

from ml.copies.comparer import PhotoComparer
from ml.copies.hashes import perceptual_hashes
from ml.copies.items import ItemLink, KnownLinks, find_item_links, item_of_listing
from ml.copies.verdicts import Verdict
from ml.labelled import LabelledPhoto
from ml.photos.decode import decode
from tests.photos.drawn import mug_on_white

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakePhoto = Callable[[str, Image.Image], LabelledPhoto]

LINK = ItemLink("a", "b", 1, 2, Verdict.EDITED, 0.8)


@pytest.fixture
def photo(tmp_path: Path) -> MakePhoto:
    """Makes a photo of a listing from a picture."""
    made: list[LabelledPhoto] = []

    def make(listing_id: str, picture: Image.Image) -> LabelledPhoto:
        path = tmp_path / f"{len(made)}.jpg"
        picture.save(path, quality=92)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        made.append(LabelledPhoto(len(made) + 1, listing_id, "home", sha256, path))
        return made[-1]

    return make


def scene(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((320, 240), Image.Resampling.BICUBIC)


def darker(picture: Image.Image) -> Image.Image:
    return picture.point(lambda level: round(0.8 * level))


def shared_of(photos: list[LabelledPhoto], known: KnownLinks = KnownLinks()) -> list[ItemLink]:  # noqa: B008
    pixels = np.stack([np.asarray(decode(one.path.read_bytes()).resize((64, 64))) for one in photos])
    hashes = perceptual_hashes(pixels, lambda *_: None)
    return find_item_links(photos, hashes, known, progress=lambda *_: None)


def items_of(photos: list[LabelledPhoto], known: KnownLinks = KnownLinks()) -> dict[str, str]:  # noqa: B008
    return item_of_listing(photos, shared_of(photos, known))


def test_listings_with_edited_copies_are_one_item(photo: MakePhoto) -> None:
    photos = [photo("a", scene(1)), photo("b", scene(2)), photo("c", darker(scene(1)))]
    assert items_of(photos) == {"a": "a", "b": "b", "c": "a"}


def test_listings_with_mirrored_copies_are_one_item(photo: MakePhoto) -> None:
    photos = [photo("a", scene(1)), photo("b", ImageOps.mirror(scene(1)))]
    assert items_of(photos) == {"a": "a", "b": "a"}


def test_plain_items_of_one_shape_are_different_items(photo: MakePhoto) -> None:
    colours = ["#c04040", "#4060c0", "#d09040", "#40a060", "#303038", "#a03070"]
    photos = [photo(colour, mug_on_white(colour)) for colour in colours]
    assert items_of(photos) == {colour: colour for colour in colours}


def test_photos_are_shared_where_the_duplicate_finder_calls_them_copies(photo: MakePhoto) -> None:
    pictures = [scene(1), darker(scene(1)), mug_on_white("#c04040"), mug_on_white("#4060c0"), ImageOps.mirror(scene(2))]
    photos = [photo(f"listing-{number}", picture) for number, picture in enumerate(pictures)]
    comparer = PhotoComparer({one.sha256: one.path.read_bytes() for one in photos}.__getitem__)
    called_copies = {
        (one.listing_id, other.listing_id)
        for one in photos
        for other in photos
        if one.listing_id < other.listing_id and comparer.compare(one.sha256, other.sha256)
    }
    assert {(one.listing_id, one.other_listing_id) for one in shared_of(photos)} == called_copies


def test_a_link_names_both_photos_and_the_verdict(photo: MakePhoto) -> None:
    photos = [photo("b", scene(1)), photo("a", darker(scene(1)))]
    (found,) = shared_of(photos)
    assert (found.listing_id, found.photo_id) == ("a", 2)
    assert (found.other_listing_id, found.other_photo_id) == ("b", 1)
    assert found.verdict == Verdict.EDITED
    assert found.score > 0.6


def test_a_known_link_makes_one_item_without_a_comparison(photo: MakePhoto) -> None:
    photos = [photo("a", scene(1)), photo("b", scene(2))]
    assert items_of(photos, KnownLinks(shared=(LINK,))) == {"a": "a", "b": "a"}


def test_a_known_link_to_a_listing_without_a_photo_here_is_ignored(photo: MakePhoto) -> None:
    assert items_of([photo("a", scene(1))], KnownLinks(shared=(LINK,))) == {"a": "a"}


def test_a_rejected_pair_stays_two_items_unless_the_bytes_are_equal(photo: MakePhoto) -> None:
    rejected = KnownLinks(rejected=frozenset({("a", "b")}))
    assert items_of([photo("a", scene(1)), photo("b", darker(scene(1)))], rejected) == {"a": "a", "b": "b"}
    assert items_of([photo("a", scene(1)), photo("b", scene(1))], rejected) == {"a": "a", "b": "a"}


def test_a_photo_that_is_gone_has_no_copies(photo: MakePhoto) -> None:
    photos = [photo("a", scene(1)), photo("b", darker(scene(1)))]
    hashes = np.zeros(2, np.uint64)
    photos[1].path.unlink()
    assert find_item_links(photos, hashes, KnownLinks(), progress=lambda *_: None) == []


def test_sharing_photos_is_transitive(photo: MakePhoto) -> None:
    shown = {"c": [1, 2], "b": [2, 3], "a": [3], "z": [4]}
    photos = [photo(listing, Image.new("RGB", (40, 40), (0, 0, 40 * n))) for listing in shown for n in shown[listing]]
    assert item_of_listing(photos) == {"a": "a", "b": "a", "c": "a", "z": "z"}


def test_no_photos_have_no_items() -> None:
    assert item_of_listing([]) == {}
    assert find_item_links([], np.empty(0, np.uint64), KnownLinks(), progress=lambda *_: None) == []
