"""Tables as sqlcmd, psql and Markdown print them: lines of dashes and row counts are no records."""

from __future__ import annotations

import pytest

from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings
from tests.unit.services.ingest.feeds.listing_files import HEADER

NAMES = HEADER.strip().split(",")


def read(path):
    """Return the ids or reasons of the records, and the texts of what was left out."""
    feed = open_listings(path, Columns())
    records = [getattr(each, "listing_id", "").strip() or str(each.reason) for each in feed.records()]
    return records, [notice.before for notice in feed.table.notices if notice.flag == "decoration"]


def table(delimiter: str, rule: str, end: str = "") -> str:
    rows = [[str(number), "Desk", "Home", "x", "£5", "York"] for number in (1, 2)]
    header, *lines = (delimiter.join(row) + "\n" for row in (NAMES, *rows))
    return header + rule + "".join(lines) + end


@pytest.mark.parametrize(
    ("delimiter", "rule"),
    [
        (",", "--,------------,--------,-------------------,-----,--------"),
        (",", "-,-,-,-,--,-"),
        ("|", "--|------------|--------|-------------------|-----|--------"),
        ("|", "----+------------+--------+-------------------+-----+--------"),
        ("\t", "--\t-----\t---\t---\t---\t---"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n(2 rows affected)\n", "(2 rows)\n"])
def test_a_rule_under_the_header_and_a_count_at_the_end_are_left_out_and_told(file, delimiter, rule, end):
    records, left_out = read(file("a.csv", table(delimiter, rule + "\n", end)))
    assert (records, left_out) == (["1", "2"], [rule, *([end.strip()] if end else [])])


def test_a_line_of_dashes_further_down_is_a_record(file):
    records, left_out = read(file("a.csv", table(",", "", "--,--,--,--,,--\n")))
    assert (records, left_out) == (["1", "2", "--"], [])


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ('{"id":"2","product_name":"Desk', "2"),
        ('{"product_name":"De"sk","id": 3, "category":"x"}', "3"),
        ('{"id":"4","product_name":"a",,}', "4"),
        ('{"product":{"id":"9"},"id":"5","x":tru}', "5"),
        ('{"product":{"id":"9"},"product_name":"x', ""),
        ('{"id":"1","product_name":"x"}{"id":"2","product_name":"y"}', ""),
        ('{"id":"12', ""),
    ],
)
def test_a_broken_json_line_names_the_id_that_it_shows(file, line, seen):
    whole = '{"id":"1","product_name":"Desk","category":"Home","price":5,"product_description":"","location":""}\n'
    records = open_listings(file("a.jsonl", whole + line + "\n"), Columns()).records()
    assert [getattr(each, "record_id", "") for each in records] == ["", seen]
