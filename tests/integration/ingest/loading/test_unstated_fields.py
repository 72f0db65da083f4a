"""A feed that lacks a column says nothing about its field: the stored value of an existing listing stays."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from db.rows import listings
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.mapping_files import columns_of_preset
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.changes import ListingChanges
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.rows.records import ListingRecord
    from services.resources import Resources

WHOLE = Columns(
    ListingColumns(
        title="title",
        description="text",
        currency="currency",
        location="place",
        url="url",
        availability="stock",
        categories_separator=",",
    ),
    attributes={"brand": "brand", "size": "size"},
)
BARE = Columns(
    ListingColumns(title="title", description="", price="", location="", categories_separator=","),
)
HEADER = "id,title,category,text,price,currency,place,seller,listed_at,url,stock,brand,size\n"
LAMP = 'lamp,Lamp,"Home,Sale",Old,1000000,GBP,"Leeds, Yorkshire",shop-9,2024-01-31,https://a.example/l,sold,Ikea,12\n'
PART = 'id,title,category\nlamp,Lamp,"Home,Sale"\n'
SYNC = {"sync": True, "mark_sold": True, "max_removed": 1.0}


class PartialFeeds:
    """A catalogue that texts of feeds are loaded into."""

    def __init__(self, resources: Resources, folder: Path) -> None:
        self.resources, self._folder = resources, folder

    def load(self, text: str, columns: Columns, *, name: str = "feed.csv", **options: Any) -> dict[str, int]:
        """Load a feed and return its counts that are not 0."""
        path = self._folder / name
        path.write_text(text)
        inputs = IngestInputs(path, options=IngestOptions(columns=columns, **options))
        job_id = create_ingest_job(self.resources, inputs)
        summary = load_files(self.resources, job_id, inputs, silent).summary()
        return {outcome: count for outcome, count in summary.counts.items() if count}

    def stored(self, listing_id: str = "lamp") -> ListingRecord:
        with self.resources.database.read() as session:
            (row,) = listings.listings_by_id(session, [listing_id])
            return listings.record_of(row)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[PartialFeeds]:
    """It has one lamp, with a value of every field."""
    with resources_in(tmp_path / "data") as resources:
        made = PartialFeeds(resources, tmp_path)
        made.load(HEADER + LAMP, WHOLE)
        yield made


def without(column: str) -> tuple[str, Columns]:
    """Return the feed without a column, and the mapping without it."""
    names = HEADER.strip().split(",")
    cells = ["lamp", "Lamp", '"Home,Sale"', "Old", "1000000", "GBP", '"Leeds, Yorkshire"', "shop-9", "2024-01-31"]
    cells += ["https://a.example/l", "sold", "Ikea", "12"]
    at = names.index(column)
    text = "\n".join(",".join(each[:at] + each[at + 1 :]) for each in (names, cells)) + "\n"
    field = {"text": "description", "place": "location", "stock": "availability"}.get(column, column)
    unmapped = replace(WHOLE.listings, **{field: ""})  # type: ignore[arg-type]
    return text, replace(WHOLE, listings=unmapped)


def test_a_feed_of_required_columns_only_keeps_everything_else(catalogue: PartialFeeds) -> None:
    before = catalogue.stored()
    assert (before.seller, before.sold, before.flags) == ("shop-9", True, ("absurd_price",))
    assert catalogue.load(PART, BARE)["listings_unchanged"] == 1
    assert catalogue.stored() == before


@pytest.mark.parametrize("column", ["text", "price", "place", "seller", "listed_at", "url", "stock"])
def test_a_field_without_a_column_keeps_its_value(catalogue: PartialFeeds, column: str) -> None:
    before = catalogue.stored()
    assert catalogue.load(*without(column))["listings_unchanged"] == 1
    assert catalogue.stored() == before


def test_the_default_mapping_keeps_the_seller_and_date_that_the_file_lacks(catalogue: PartialFeeds) -> None:
    catalogue.load("id,product_name,category,product_description,price,location\nlamp,L,Home,,£1,\n", Columns())
    stored = catalogue.stored()
    assert (stored.seller, stored.listed_at is None, stored.url) == ("shop-9", False, "https://a.example/l")
    assert (stored.title, stored.description, stored.location, stored.flags) == ("L", "", "", ())


def test_an_empty_cell_states_that_there_is_no_value(catalogue: PartialFeeds) -> None:
    catalogue.load(HEADER + "lamp,Lamp,Home,,,,,,,,,,\n", WHOLE)
    stored = catalogue.stored()
    assert (stored.seller, stored.listed_at, stored.url, stored.sold, stored.price) == ("", None, "", False, None)
    assert (stored.description, stored.region, stored.other_categories, stored.flags) == ("", "", (), ())


def test_a_column_of_sold_states_whether_a_listing_is_sold(catalogue: PartialFeeds) -> None:
    columns = replace(BARE, listings=replace(BARE.listings, sold="gone"))
    catalogue.load("id,title,category,gone\nlamp,Lamp,Home,no\n", columns)
    assert not catalogue.stored().sold


def test_one_column_of_attributes_states_all_of_them(catalogue: PartialFeeds) -> None:
    catalogue.load("id,title,category,brand\nlamp,Lamp,Home,Muji\n", replace(BARE, attributes={"brand": "brand"}))
    assert catalogue.stored().attributes == {"brand": "Muji"}


def test_a_preset_keeps_the_fields_whose_columns_an_export_lacks(catalogue: PartialFeeds) -> None:
    before = catalogue.stored()
    catalogue.load("id,title,product_type,price\nlamp,Desk lamp,Home,5 EUR\n", columns_of_preset("google"))
    expected = replace(before, title="Desk lamp", other_categories=(), price=Decimal(5), currency="EUR", flags=())
    assert catalogue.stored() == expected


def test_a_new_listing_gets_the_defaults(catalogue: PartialFeeds) -> None:
    catalogue.load("id,title,category\nnew,New,Home\n", BARE)
    stored = catalogue.stored("new")
    assert (stored.seller, stored.sold, stored.price, stored.attributes) == ("", False, None, {})


def test_a_changed_title_is_written_and_the_rest_kept(catalogue: PartialFeeds) -> None:
    before = catalogue.stored()
    tried = catalogue.load(PART.replace("Lamp", "Desk lamp"), BARE, dry_run=True)
    assert (tried["listings_updated"], catalogue.stored()) == (1, before)
    assert catalogue.load(PART.replace("Lamp", "Desk lamp"), BARE)["listings_updated"] == 1
    assert catalogue.stored() == replace(before, title="Desk lamp")


def test_the_feed_of_a_seller_states_the_seller(catalogue: PartialFeeds) -> None:
    catalogue.load("id,title,category\nchair,Chair,Home\n", BARE)
    catalogue.load("id,title,category\nchair,Chair,Home\n", BARE, seller="shop-9")
    assert catalogue.stored("chair").seller == "shop-9"


def test_an_absent_key_is_empty_if_another_record_of_the_file_has_it(catalogue: PartialFeeds) -> None:
    bare = '{"id": "lamp", "title": "Lamp", "category": "Home"}\n'
    others = "".join(f'{{"id": "x{number}", "title": "X", "category": "Home"}}\n' for number in range(150))
    catalogue.load(bare + others, BARE, name="feed.jsonl")
    assert catalogue.stored().seller == "shop-9"
    late = '{"id": "y", "title": "Y", "category": "Home", "seller": "shop-1"}\n'
    catalogue.load(bare + others + late, BARE, name="feed.jsonl")
    assert (catalogue.stored().seller, catalogue.stored("y").seller) == ("", "shop-1")


def test_a_listing_that_a_sync_marked_sold_is_for_sale_when_a_feed_without_availability_has_it_again(
    catalogue: PartialFeeds,
) -> None:
    both = "id,title,category\nlamp,Lamp,Home\nchair,Chair,Home\n"
    catalogue.load(both, BARE)
    catalogue.load("id,title,category\nlamp,Lamp,Home\n", BARE, **SYNC)
    assert (catalogue.stored("chair").sold, catalogue.stored("chair").flags) == (True, ("marked_sold",))
    catalogue.load(both, BARE, **SYNC)
    assert (catalogue.stored("chair").sold, catalogue.stored("chair").flags) == (False, ())
    assert catalogue.stored("lamp").sold, "its own feed said so"


@pytest.mark.parametrize(("fields", "is_sold"), [({"sold": True}, True), ({"title": "Armchair"}, False)])
def test_a_sold_mark_of_a_single_write_stays(catalogue: PartialFeeds, fields: dict[str, Any], is_sold: bool) -> None:
    both = "id,title,category\nlamp,Lamp,Home\nchair,Chair,Home\n"
    catalogue.load(both, BARE)
    catalogue.load("id,title,category\nlamp,Lamp,Home\n", BARE, **SYNC)
    ListingChanges(catalogue.resources, on_written=lambda: None).patch("chair", fields, None)
    catalogue.load(both, BARE)
    assert catalogue.stored("chair").sold is is_sold
