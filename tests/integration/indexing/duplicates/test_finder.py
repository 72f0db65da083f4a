"""Copies are found as listings arrive, and forgotten as they go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from db.rows import duplicates, feed, photo_queue, photos
from services.errors import ResourceNotFound
from services.indexing import duplicate_finder as finding
from services.indexing.duplicate_finder import CURSOR, CopySearchCount
from services.ingest.duplicates.review import review
from tests.databases import on_both, on_both_slowly
from tests.integration.indexing.duplicates.copies import (
    LISTINGS,
    copies_of_listing,
    delete_listing,
    mirrored,
    new_finder,
    photo_id,
)
from tests.worlds import Killed, ingest, listing_row

if TYPE_CHECKING:
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


def test_copies_are_found_with_verdicts(new: Resources) -> None:
    assert new_finder(new).find() == CopySearchCount(photos=2 * LISTINGS, pairs=3)
    assert copies_of_listing(new, "listing-0") == {"listing-1": "identical", "listing-2": "same photo edited"}
    assert copies_of_listing(new, "listing-2") == {"listing-0": "same photo edited", "listing-1": "same photo edited"}
    assert copies_of_listing(new, "listing-3") == {}


def test_a_second_search_has_nothing_to_do(resources: Resources, shop: Marketplace) -> None:
    assert new_finder(resources).find() == CopySearchCount()
    with resources.database.read() as session:
        assert feed.cursor_of(session, CURSOR) == feed.last_seq(session)


@on_both_slowly
def test_only_new_photos_are_compared(resources: Resources, shop: Marketplace, jpeg: MakeJpeg) -> None:
    shop.write_listings([listing_row(0, price="£7.00"), listing_row(9)])
    shop.write_photo_table([("photo-9-a", "listing-9")])
    shop.write_photo("photo-9-a", mirrored(jpeg(seed=6)))
    ingest(resources, shop.inputs)
    assert new_finder(resources).find().photos == 1
    assert copies_of_listing(resources, "listing-9") == {"listing-3": "same photo edited"}


@on_both
def test_deleting_a_listing_deletes_its_pairs(resources: Resources, shop: Marketplace) -> None:
    delete_listing(resources, "listing-1")
    assert copies_of_listing(resources, "listing-0") == {"listing-2": "same photo edited"}


@on_both_slowly
def test_replacing_a_photo_deletes_its_pairs(resources: Resources, shop: Marketplace, jpeg: MakeJpeg) -> None:
    shop.write_photo("photo-1-a", jpeg(seed=77))
    ingest(resources, shop.inputs)
    assert new_finder(resources).find().photos == 1
    assert copies_of_listing(resources, "listing-0") == {"listing-2": "same photo edited"}


@on_both
def test_copies_are_found_after_their_events_were_pruned(
    resources: Resources, shop: Marketplace, jpeg: MakeJpeg
) -> None:
    shop.write_photo("photo-3-a", jpeg(seed=8))  # that of listing 4
    ingest(resources, shop.inputs)
    with resources.database.write() as session:
        feed.prune(session, before=duplicates.utc_now(), followers=["photos_g1_of_nobody"])
        session.connection().exec_driver_sql("DELETE FROM event WHERE seq < (SELECT max(seq) FROM event)")
    assert new_finder(resources).find().photos == 1
    assert copies_of_listing(resources, "listing-3") == {"listing-4": "identical"}


def test_a_kill_loses_no_photo(new: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_BATCH", 2)
    saved, calls = duplicates.save_search, iter([True, True, False])

    def dying(*args: Any, **kwargs: Any) -> int:
        if not next(calls):
            raise Killed
        return saved(*args, **kwargs)

    monkeypatch.setattr(duplicates, "save_search", dying)
    with pytest.raises(Killed):
        new_finder(new).find()
    monkeypatch.setattr(duplicates, "save_search", saved)
    assert new_finder(new).find().photos == 2 * LISTINGS - 2
    assert copies_of_listing(new, "listing-0") == {"listing-1": "identical", "listing-2": "same photo edited"}


def test_a_photo_deleted_during_the_comparison_leaves_no_pair(new: Resources) -> None:
    one, gone = photo_id(new, "photo-0-a"), photo_id(new, "photo-1-a")
    with new.database.read() as session:
        (row, other) = photos.photos_by_id(session, [one, gone])
    delete_listing(new, "listing-1")
    found = duplicates.PhotoCopy(gone, other.sha256, "identical", 1.0)
    with new.database.write() as session:
        claimed = photo_queue.PhotoRef(one, row.sha256)
        assert duplicates.save_search(session, claimed, [found], model_version="m") == 0
    assert copies_of_listing(new, "listing-0") == {}


@on_both_slowly
def test_a_rejection_survives_another_comparison(resources: Resources, shop: Marketplace, jpeg: MakeJpeg) -> None:
    review(resources.database, ("listing-1", "listing-0"), "reject", key_id="k1")
    shop.write_photo("photo-1-b", jpeg(seed=1))  # another photo of listing 0
    ingest(resources, shop.inputs)
    new_finder(resources).find()
    assert copies_of_listing(resources, "listing-0") == {"listing-2": "same photo edited"}
    with pytest.raises(ResourceNotFound):
        review(resources.database, ("listing-0", "nothing"), "accept", key_id=None)


def test_a_stopped_finder_leaves_the_rest_to_the_next(new: Resources) -> None:
    stopping = threading.Event()
    stopping.set()
    assert new_finder(new, stopping).find() == CopySearchCount()
    assert new_finder(new).find().photos == 2 * LISTINGS
