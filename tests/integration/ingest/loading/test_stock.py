"""A listing is sold once no piece of it, or of any of its variants, is left to sell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.rows import listings
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.loading.inputs import IngestOptions
from services.ingest.loading.preview import preview
from tests.integration.ingest.loading.feeds import HEADER, row
from tests.unit.services.ingest.feeds.export_headers import export

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.ingest.loading.feeds import ShopFeed

OUT, LEFT = ("0", "deny", "shopify"), ("3", "deny", "shopify")


def is_sold(feed: ShopFeed, listing_id: str) -> bool:
    with feed.resources.database.read() as session:
        (listing,) = listings.listings_by_id(session, [listing_id])
    return listing.sold


CASES: list[tuple[list[tuple[str, str, str]], bool]] = [
    ([OUT], True),
    ([("-2", "DENY", "shopify")], True),
    ([LEFT], False),
    ([("0", "continue", "shopify")], False),
    ([("0", "deny", "")], False),
    ([("", "deny", "shopify")], False),
    ([OUT, OUT], True),
    ([OUT, LEFT], False),
    ([OUT, ("", "", "")], True),
    ([OUT, ("0", "deny", "")], False),
    ([("", "", "")], False),
]
"""Number, policy and tracker of each variant of a product, and whether the product is sold."""


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        (
            "shopify 2018",
            ("Handle", "Variant Inventory Qty", "Variant Inventory Policy", "Variant Inventory Tracker"),
        ),
        (
            "shopify 2024",
            ("URL handle", "Inventory quantity", "Continue selling when out of stock", "Inventory tracker"),
        ),
    ],
)
def test_a_product_of_shopify_is_sold_if_no_variant_is_left(
    feed: ShopFeed, name: str, columns: tuple[str, ...]
) -> None:
    rows = list[dict[str, str]]()
    for number, (variants, _sold) in enumerate(CASES):
        of_product = [dict(zip(columns, (f"p-{number}", *variant), strict=True)) for variant in variants]
        rows += [of_product[0] | {"Title": "Rug", "Type": "Home"}, *of_product[1:]]

    def written(_name: str, text: str) -> Path:
        path = feed.folder / "products.csv"
        path.write_text(text)
        return path

    feed.load_file(export(written, name, *rows), parse_columns(b'preset = "shopify"', source="mapping"))
    assert [is_sold(feed, f"p-{number}") for number in range(len(CASES))] == [sold for _, sold in CASES]


def test_the_stock_of_a_mapping_counts_alone_and_is_previewed(feed: ShopFeed) -> None:
    columns = ListingColumns(stock="pieces")
    feed.load([[*row("1"), "0"], [*row("2"), "4"]], header=(*HEADER, "pieces"), columns=columns)
    assert [is_sold(feed, one) for one in "12"] == [True, False]
    shown = preview(feed.folder / "shop.csv", IngestOptions(Columns(listings=columns)))
    assert [one.record.sold for one in shown.records if one.record] == [True, False]


def test_the_last_of_several_complete_rows_states_the_stock(feed: ShopFeed) -> None:
    columns = ListingColumns(stock="pieces")
    feed.load([[*row("1"), "4"], [*row("1"), "0"]], header=(*HEADER, "pieces"), columns=columns)
    assert is_sold(feed, "1")
