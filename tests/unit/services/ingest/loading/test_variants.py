"""Rows of variants join the listing that they are variants of."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from db.rows.records import ListingRecord, PhotoRecord, RejectedRecord
from services.ingest.loading.spool import Spool, SpooledRow
from services.ingest.loading.united import UnitedListing, unite

if TYPE_CHECKING:
    from collections.abc import Sequence


def spooled(
    listing_id: str, *, parent: str = "", price: str = "", photo: str = "", title: str = "Rug", complete: bool = True
) -> SpooledRow:
    amount = Decimal(price) if price else None
    record = ListingRecord(listing_id, title, "", "Home", ("Home",), amount, None, "", "")
    photos = (PhotoRecord(photo, listing_id, photo, "woo.csv", 1),) if photo else ()
    reject = RejectedRecord("woo.csv", 1, listing_id, "category", "missing_category", "")
    return SpooledRow(
        listing_id,
        1,
        photos,
        record if complete else None,
        (),
        None if complete else reject,
        parent,
        title,
        amount,
        is_joined=not complete,
    )


def united(rows: Sequence[SpooledRow]) -> dict[str, UnitedListing | list[RejectedRecord]]:
    with Spool() as spool:
        for row in rows:
            spool.add(row)
        spool.unite_variants()
        return {group.listing_id: unite(group, "woo.csv") for group in spool.groups()}


def listing(rows: Sequence[SpooledRow], listing_id: str) -> UnitedListing:
    found = united(rows)[listing_id]
    assert isinstance(found, UnitedListing)
    return found


RUG = spooled("12", photo="p3")
RED = spooled("13", parent="12", price="120", photo="p4", title="Rug - Red", complete=False)
BLUE = spooled("14", parent="12", price="99", photo="p5", title="Rug - Blue", complete=False)


@pytest.mark.parametrize("rows", [(RUG, RED, BLUE), (RED, BLUE, RUG), (RED, RUG, BLUE)])
def test_variants_add_their_photos_wherever_they_stand(rows: Sequence[SpooledRow]) -> None:
    assert list(united(rows)) == ["12"]
    assert {photo.external_id for photo in listing(rows, "12").photos} == {"p3", "p4", "p5"}
    assert {photo.listing_id for photo in listing(rows, "12").photos} == {"12"}


def test_a_listing_without_price_takes_the_lowest_of_its_variants() -> None:
    rug = listing([RUG, RED, BLUE], "12")
    assert (rug.record.price, rug.record.flags) == (99, ("price_of_variant",))
    assert ("price_of_variant", "99") in [(one.flag, one.after) for one in rug.warnings]


def test_a_listing_with_a_price_keeps_it() -> None:
    rug = listing([spooled("12", price="150"), RED], "12")
    assert (rug.record.price, rug.record.flags) == (150, ())


def test_what_is_left_out_of_a_variant_is_told() -> None:
    rug = listing([spooled("12", price="150"), RED], "12")
    assert [(one.record_id, one.flag, one.before, one.after) for one in rug.warnings] == [
        ("13", "variant_left_out", "Rug - Red; 120", "12")
    ]
    assert (rug.merged, rug.superseded) == (1, ())


def test_a_complete_variant_joins_its_listing_too() -> None:
    found = united([RUG, spooled("13", parent="12", photo="p4")])
    assert list(found) == ["12"]


def test_a_variant_of_a_variant_joins_the_listing() -> None:
    found = united([spooled("15", parent="13", photo="p6", complete=False), RED, RUG])
    assert list(found) == ["12"]


def test_a_variant_of_an_unknown_listing_stands_for_itself() -> None:
    found = united([spooled("13", parent="unknown")])
    assert isinstance(found["13"], UnitedListing)


def test_an_incomplete_variant_of_an_unknown_listing_is_rejected() -> None:
    (reject,) = united([RED])["13"]
    assert (reject.record_id, reject.reason) == ("13", "missing_category")


def test_rows_that_are_variants_of_each_other_stand_for_themselves() -> None:
    found = united([spooled("1", parent="2"), spooled("2", parent="1")])
    assert list(found) == ["1", "2"]
