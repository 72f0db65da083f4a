"""Lists of objects in one JSON document."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pandas as pd
import pytest

from db.rows.records import RejectedRecord
from services.errors import ListingsFileError
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings
from services.ingest.tables.text_files import RECORD_LIMIT
from tests.unit.services.ingest.feeds.listing_files import DESK, KEYS, desk_listing, read

ENTRY = dict(zip(KEYS, DESK, strict=True))


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: rows,
        lambda rows: {"products": rows},
        lambda rows: {"total": 2, "tags": ["a"], "next": None, "products": rows, "page": {"number": 1}, "more": []},
    ],
)
@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_reads_a_list_of_objects(file, indent, wrap, pack):
    path = file("a.json", pack(json.dumps(wrap([ENTRY, ENTRY | {"price": 12.50}]), indent=indent)))
    first, second = read(path)
    assert first == desk_listing(path, 1)
    assert isinstance(second, RawListing)
    assert (second.line, second.price) == (2, "12.5")


def test_reads_what_pandas_writes(tmp_path):
    pd.DataFrame([ENTRY, ENTRY]).to_json(tmp_path / "a.json", orient="records")
    assert read(tmp_path / "a.json") == [desk_listing(tmp_path / "a.json", number) for number in (1, 2)]


def test_reads_numbers_as_written_and_nan_as_blank(file):
    text = json.dumps([ENTRY | {"price": float("nan")}, ENTRY | {"price": 0}]).replace('"price": 0', '"price": 12.50')
    assert [each.price for each in read(file("a.json", text)) if isinstance(each, RawListing)] == ["", "12.50"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson"])
def test_decides_between_lines_and_a_list_by_the_content(file, name):
    for text in (json.dumps([ENTRY, ENTRY]), f"{json.dumps(ENTRY)}\n\n{json.dumps(ENTRY)}\n"):
        assert len(read(file(name, text))) == 2


def test_rejects_elements_that_are_no_objects_and_reads_the_others(file):
    first, rejected, last = read(file("a.json", json.dumps([ENTRY, "text, 1]", ENTRY])))
    assert isinstance(rejected, RejectedRecord)
    assert (rejected.line, rejected.reason) == (2, "not_an_object")
    assert isinstance(first, RawListing)
    assert isinstance(last, RawListing)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (json.dumps([ENTRY, ENTRY])[:-1], "ends too early"),
        (json.dumps([ENTRY, ENTRY])[:-40], "Unterminated string"),
        (json.dumps([ENTRY]) + ", 1", "text after its end"),
        (json.dumps([ENTRY, ENTRY], indent=1).replace("},", "}"), "near line 10: , or ] is missing"),
        ('[{"id": 1, "id"}]', "Expecting ':' delimiter"),
        (json.dumps({"a": [ENTRY], "b": [ENTRY]}), "several lists of objects, 'a' and 'b'"),
        (json.dumps({"a": 1}), "no list of objects"),
        ("{}", "no list of objects"),
        ("[]", "contains no JSON objects"),
        ("[1, 2]", "contains no JSON objects"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"id": "' + "x" * 2 * RECORD_LIMIT + '"}]', "Unterminated string|longer than"),
    ],
)
def test_refuses_a_damaged_document(file, text, problem):
    with pytest.raises(ListingsFileError, match=problem):
        read(file("a.json", text))


def test_finds_values_that_are_cut_by_the_blocks_of_the_file(file):
    entries = [ENTRY | {"product_description": "é" * length} for length in range(32_760, 32_776)]
    listings = read(file("a.json", json.dumps(entries, ensure_ascii=False)))
    assert [len(each.description) for each in listings if isinstance(each, RawListing)] == list(range(32_760, 32_776))


def test_memory_use_does_not_grow_with_the_list(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([ENTRY | {"product_description": "Solid oak " * 300}] * 3000), encoding="utf-8")
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_listings(path, Columns()).records()) == 3_000
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()
