"""Records that are rejected or cannot be read delete nothing that they may have named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from db.rows import listings
from db.rows.listings import ListingConditions
from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.integration.ingest.loading.feeds import HEADER, row

if TYPE_CHECKING:
    from tests.integration.ingest.loading.feeds import Loaded, ShopFeed

PLAIN = ListingColumns()
PICS = ListingColumns(photos="pics")


def load_text(feed: ShopFeed, text: str, **options: object) -> IngestInputs:
    path = feed.folder / "shop.csv"
    path.write_text(",".join(HEADER) + "\n" + text)
    inputs = IngestInputs(path, photos=feed.folder / "photos", options=IngestOptions(Columns(listings=PICS)))
    inputs = replace(inputs, options=replace(inputs.options, **options))
    load_files(feed.resources, create_ingest_job(feed.resources, inputs), inputs, silent)
    return inputs


def flags(loaded: Loaded) -> list[tuple[str, str]]:
    return [(one.record_id, one.flag) for one in loaded.warnings if one.flag in ("photos_kept", "no_photo_id")]


@pytest.mark.parametrize("bad", [row("1", "p2", price="xx"), row("1", "p2", price="-5"), row("1", "p2", category="")])
def test_a_rejected_row_adds_its_photos_to_the_accepted_row_of_its_id(feed: ShopFeed, bad: list[str]) -> None:
    feed.load([row("1", "p1"), row("1", "p2", price="£6")])
    loaded = feed.load([row("1", "p1"), bad])
    assert (feed.names("1"), loaded.photos("removed")) == (["p1", "p2"], [0])
    assert [loaded.summary.counts[f"listings_{name}"] for name in ("accepted", "rejected", "duplicates")] == [1, 1, 0]
    assert [(one.record_id, one.line) for one in loaded.rejects] == [("1", 3)]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_broken_record_with_a_known_id_keeps_the_photos_of_its_listing(feed: ShopFeed, dry_run: bool) -> None:
    rows = [row(f"L-{number}", "p3") for number in range(2, 6)]
    feed.load([row("L-1", "p1"), row("L-1", "p2", price="£6"), *rows])
    columns = ListingColumns(photos="pics", description="", location="product_description")
    broken = ["L-1", "Chair", "Home", "", "£6", "", "p2", "x", "y"]
    loaded = feed.load([row("L-1", "p1"), broken, *rows], columns=columns, dry_run=dry_run)
    assert feed.names("L-1") == ["p1", "p2"]
    assert [one.flag for one in loaded.warnings if one.flag == "photos_kept"] == ["photos_kept"]


def test_a_row_without_id_keeps_all_photos_with_one_notice(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2"), row("2", "p3|p4")])
    loaded = feed.load([row("1", "p1"), row("", "p2"), row("2", "p3")])
    assert (feed.names("1"), feed.names("2")) == (["p1", "p2"], ["p3", "p4"])
    assert flags(loaded) == [("", "photos_kept")]


@pytest.mark.parametrize(
    ("table", "problem"),
    [([], "has no rows"), ([("", "1")], "names no photo of a listing"), ([("p1", "")], "names no photo of a listing")],
)
def test_a_photo_table_without_photos_is_refused(feed: ShopFeed, table: list[tuple[str, str]], problem: str) -> None:
    feed.load([row("1", "p1")])
    with pytest.raises(ListingsFileError, match=problem):
        feed.load([row("1")], table=table, columns=PLAIN)
    assert feed.names("1") == ["p1"]
    feed.load([row("1")], table=table, columns=PLAIN, keep_photos=True)
    assert feed.names("1") == ["p1"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_listing_that_a_join_has_without_photo_loses_its_photos_with_a_warning(feed: ShopFeed, dry_run: bool) -> None:
    feed.load([row("1", "p1"), row("2", "p2")])
    loaded = feed.load([row("1"), row("2")], table=[("p1", "1"), ("", "2")], columns=PLAIN, dry_run=dry_run)
    assert feed.names("2") == (["p2"] if dry_run else [])
    assert flags(loaded) == [("2", "no_photo_id")]


def test_a_blank_photo_id_beside_others_of_the_listing_removes_nothing(feed: ShopFeed) -> None:
    feed.load([row("1", "p1|p2")])
    loaded = feed.load([row("1")], table=[("p1", "1"), ("", "1")], columns=PLAIN)
    assert (feed.names("1"), flags(loaded)) == (["p1", "p2"], [("1", "photos_kept")])


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_photo_without_listing_id_keeps_all_photos_with_one_notice(feed: ShopFeed, dry_run: bool) -> None:
    feed.load([row("1", "p1|p2"), row("2", "p3|p4")])
    table = [("p1", "1"), ("p2", ""), ("p3", "2")]
    loaded = feed.load([row("1"), row("2")], table=table, columns=PLAIN, dry_run=dry_run)
    assert (feed.names("1"), feed.names("2")) == (["p1", "p2"], ["p3", "p4"])
    assert flags(loaded) == [("", "photos_kept")]
    assert [(one.record_id, one.reason) for one in loaded.rejects] == [("p2", "missing_listing_id")]


def test_one_decimal_id_of_a_photo_table_is_read_as_a_whole_number(feed: ShopFeed) -> None:
    feed.load([row("101", "p1"), row("102", "p2")])
    loaded = feed.load([row("101"), row("102")], table=[("p1", "101.0"), ("p2", "102")], columns=PLAIN)
    assert (feed.names("101"), feed.names("102")) == (["p1"], ["p2"])
    assert [(one.record_id, one.flag, one.before) for one in loaded.warnings] == [("p1", "decimal_id", "101.0")]


def test_a_blank_photo_id_of_one_decimal_id_removes_nothing_beside_others_of_the_listing(feed: ShopFeed) -> None:
    feed.load([row("101", "p1|p2"), row("102", "p3")])
    table = [("p1", "101"), ("", "101.0"), ("p3", "102")]
    loaded = feed.load([row("101"), row("102")], table=table, columns=PLAIN)
    assert (feed.names("101"), flags(loaded)) == (["p1", "p2"], [("101", "photos_kept")])


FULL = [f"P{number},Chair,Home,,1,U,p1.jpg\n" for number in range(1, 10)]


@pytest.mark.parametrize("cut", ["P8,Chair,Ho", '"P8,Chair,Home,', '"P8,Chair,Home\n', 'P8,Chair,Home,,1,U,"p1.j'])
def test_a_sync_of_a_file_that_is_cut_off_removes_nothing(feed: ShopFeed, cut: str) -> None:
    load_text(feed, "".join(FULL))
    load_text(feed, "".join(FULL[:7]) + cut, sync=True, max_removed=0.5)
    with feed.resources.database.read() as session:
        assert len(listings.matching_ids(session, ListingConditions())) == len(FULL)
    assert feed.names("P8") == feed.names("P9") == ["p1.jpg"]


def test_a_sync_removes_as_usual_if_only_the_last_line_end_is_missing(feed: ShopFeed) -> None:
    load_text(feed, "".join(FULL))
    load_text(feed, "".join(FULL[:8]).rstrip("\n"), sync=True, max_removed=0.5)
    with feed.resources.database.read() as session:
        assert len(listings.matching_ids(session, ListingConditions())) == len(FULL) - 1


def test_a_sync_of_a_file_with_a_rounded_id_removes_nothing(feed: ShopFeed) -> None:
    load_text(feed, "".join(FULL) + "1234567890123,Chair,Home,,1,U,p1.jpg\n")
    load_text(feed, "".join(FULL) + "1.23457E+12,Chair,Home,,1,U,p1.jpg\n", sync=True)
    with feed.resources.database.read() as session:
        assert len(listings.matching_ids(session, ListingConditions())) == len(FULL) + 1
