"""What a spreadsheet or a wrong encoding took from a file is told, and never made up for by a guess."""

from __future__ import annotations

import pytest

from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings
from tests.unit.services.ingest.feeds.listing_files import HEADER


def read(path):
    """Return what the records became, with their ids or reasons, and the flags of the file."""
    feed = open_listings(path, Columns())
    records = [getattr(each, "listing_id", "") or str(each.reason) for each in feed.records()]
    return records, [notice.flag for notice in feed.table.notices]


def rows(*ids: str) -> str:
    return HEADER + "".join(f"{each},Desk,Home,x,£5,York\n" for each in ids)


@pytest.mark.parametrize("each", ["1.23457E+12", "1.2E+11", "9E+15", '"1,23457E+12"', "1.23457e+12"])
def test_an_id_that_a_spreadsheet_shows_with_an_exponent_is_rejected(file, each):
    assert read(file("a.csv", rows("1", each, each))) == (["1", "rounded_id", "rounded_id"], [])


@pytest.mark.parametrize("each", ["1E5", "2E+", "AB-1E+12", "1.234567890123E+12", "E+12"])
def test_an_id_that_only_resembles_one_is_kept(file, each):
    assert read(file("a.csv", rows("1", each))) == (["1", each], [])


def test_long_ids_that_all_end_in_zeros_have_one_warning(file):
    ids = [f"{number}000" for number in range(123456789012345, 123456789012349)]
    assert read(file("a.csv", rows(*ids))) == (ids, ["rounded_ids"])


def test_two_listings_with_the_same_rounded_id_do_not_become_one(file):
    ids = [f"{number}000" for number in range(123456789012345, 123456789012349)]
    assert read(file("a.csv", rows(*ids, ids[0]))) == (
        ["rounded_id", *ids[1:], "rounded_id"],
        ["rounded_ids"],
    )


@pytest.mark.parametrize(
    "ids", [["123456789012345000"], ["123456789012345000", "123456789012345678"], ["1000", "2000"]]
)
def test_few_or_other_long_ids_have_no_warning(file, ids):
    assert read(file("a.csv", rows(*ids))) == (ids, [])


@pytest.mark.parametrize(
    "title", ["CafÃ© table", "MÃ¼nchen", "itâ€™s oak", "â‚¬ 5", "Â£5 fee", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Ã¼ber"]
)
def test_text_that_was_encoded_twice_is_told_once(file, title):
    path = file("a.csv", HEADER + f"1,{title},Home,x,£5,York\n2,{title},Home,x,£5,York\n")
    assert read(path) == (["1", "2"], ["encoded_twice"])


@pytest.mark.parametrize(
    "title", ["CAFÉ™", "«CAFÉ»", "„MENÜ“", "MAÇÃ verde", "Привет", "Größe", "SÃO PAULO", "Ångström…"]
)
def test_text_in_capitals_with_signs_is_no_such_text(file, title):
    assert read(file("a.csv", HEADER + f"1,{title},Home,x,£5,York\n")) == (["1"], [])


def test_the_notice_shows_what_is_perhaps_meant(file):
    feed = open_listings(file("a.csv", HEADER + "1,CafÃ© table,Home,x,£5,York\n"), Columns())
    list(feed.records())
    [notice] = feed.table.notices
    assert (notice.before, notice.after) == ("1 record, such as 'CafÃ© table'", "meant is perhaps 'Café table'")
