"""A damaged row becomes a reject or is flagged, and the other rows are read."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from db.rows.records import RejectedRecord
from services.ingest.cleaning.listings import CleanListing, clean_listing
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.tables.text_files import RECORD_LIMIT
from tests.unit.services.ingest.feeds.listing_files import (
    DESK,
    HEADER,
    KEYS,
    ROW,
    desk_listing,
    read,
    read_only_listing,
    write_parquet,
)


def test_flags_a_repaired_record(file):
    listings = read(file("a.csv", HEADER + ROW + ROW.replace("Solid", "Solid\nold")))
    assert [listing.flags for listing in listings if isinstance(listing, RawListing)] == [(), ("repaired_record",)]
    assert listings[1].description == "Solid\nold oak"  # type: ignore[union-attr]


def test_rejects_a_broken_record_with_its_line_and_text(file):
    path = file("a.csv", HEADER + ROW + "L-2,Lamp\n" + ROW)
    assert read(path) == [
        desk_listing(path, 2),
        RejectedRecord("a.csv", 3, "L-2", "", "broken_record", "L-2,Lamp\n"),
        desk_listing(path, 4),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "L-2"', "broken_json"),
        ("[" * 100_000, "broken_json"),
        ('"text"', "not_an_object"),
        ("[1]", "not_an_object"),
        ('{"id": {"key": "1"}}', "wrong_type"),
        ('{"id": true}', "wrong_type"),
        ('{"id": [1]}', "wrong_type"),
        ('{"id": "' + "x" * RECORD_LIMIT + '"}', "record_too_long"),
    ],
)
def test_rejects_a_bad_json_line_and_reads_the_others(file, line, reason):
    good = json.dumps(dict(zip(KEYS, DESK, strict=True)))
    path = file("a.jsonl", f"{good}\n{line}\n{good}\n")
    before, rejected, after = read(path)
    assert (before, after) == (desk_listing(path, 1), desk_listing(path, 3))
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.line, rejected.reason) == (2, reason)
    assert len(rejected.text) <= 500


def test_reads_json_nan_and_null_as_blank(file):
    entry = json.dumps(dict(zip(KEYS, DESK, strict=True)) | {"price": float("nan"), "location": None})
    listing = read_only_listing(file("a.jsonl", entry))
    assert (listing.price, listing.location) == ("", "")


def test_reads_and_flags_windows_1252_bytes(file):
    path = file("a.csv", (HEADER + ROW.replace("Desk", "Café desk")).encode("cp1252"))
    listing = read_only_listing(path)
    assert (listing.title, listing.price, listing.flags) == ("Café desk", "£5.00", ("not_utf8",))


def test_several_cells_with_stray_bytes_are_one_repair_that_names_them(file):
    path = file("a.csv", (HEADER + ROW.replace("Desk", "Café desk")).encode("cp1252"))
    [repair] = read_only_listing(path).repairs
    assert repair == ("not_utf8", "product_name, price", "Caf\\xe9 desk | \\xa35.00", "Café desk | £5.00")


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false")])
def test_reads_json_booleans_in_the_availability(file, value, text):
    entry = json.dumps(dict(zip(KEYS, DESK, strict=True)) | {"stock": value})
    listing = read_only_listing(file("a.jsonl", entry), Columns(ListingColumns(availability="stock")))
    assert (listing.availability, listing.flags) == (text, ())


@pytest.mark.parametrize(("price", "flag"), [("12.345", "rounded_price"), ('"12.345"', "ambiguous_price")])
def test_a_json_number_with_three_decimals_is_rounded_and_not_ambiguous(file, price, flag):
    entry = json.dumps(dict(zip(KEYS, DESK, strict=True))).replace('"\\u00a35.00"', price)
    cleaned = clean_listing(read_only_listing(file("a.jsonl", entry)))
    assert isinstance(cleaned, CleanListing)
    assert (str(cleaned.record.price), cleaned.record.flags) == ("12.35", (flag,))


def test_a_truncated_character_does_not_damage_the_rest_of_the_row(file):
    path = file("a.csv", (HEADER + ROW).encode().replace(b"Solid oak", "Oak 👉".encode()[:-1]))
    listing = read_only_listing(path)
    assert (listing.price, listing.flags) == ("£5.00", ("not_utf8",))
    assert listing.description.startswith("Oak ")


def test_reads_and_flags_stray_bytes_in_parquet(tmp_path):
    columns: dict[str, Any] = {key: [value] for key, value in zip(KEYS, DESK, strict=True)}
    stray = pa.Array.from_buffers(pa.string(), 1, pa.array([b"Caf\xe9"]).buffers())
    listing = read_only_listing(write_parquet(tmp_path / "a.parquet", **columns | {"product_name": stray}))
    assert (listing.title, listing.flags) == ("Café", ("not_utf8",))


def test_reads_past_nul_bytes(file):
    path = file("a.csv", HEADER + ROW.replace("Solid", "So\0lid") + ROW)
    assert len(read(path)) == 2
    assert "\0" not in read(file("b.csv", HEADER + "L-1,\0\n"))[0].text  # type: ignore[union-attr]


def test_rejects_an_overlong_record_and_reads_the_next(file):
    path = file("a.csv", HEADER + ROW.replace("oak", "oak " * RECORD_LIMIT) + ROW)
    rejected, listing = read(path)
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.line, rejected.reason, len(rejected.text)) == (2, "record_too_long", 500)
    assert listing == desk_listing(path, 3)


def test_a_short_row_takes_nothing_from_the_broken_row_after_it(file):
    rows = [
        "B1,One,Home & Garden,x,£1,Leeds",
        "B2,Short,Home & Garden",
        'B4,"Open,Home & Garden,x,£3,Leeds',
        "B5,Five,Home & Garden,x,£4,Leeds",
    ]
    records = read(file("a.csv", HEADER + "\n".join(rows)))
    assert [listing.listing_id for listing in records if isinstance(listing, RawListing)] == ["B1", "B5"]
    assert [(reject.line, reject.reason) for reject in records if isinstance(reject, RejectedRecord)] == [
        (3, "broken_record"),
        (4, "broken_record"),
    ]
