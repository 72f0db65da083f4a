"""Reading listings from every file format."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from decimal import Decimal

import pyarrow as pa
import pytest

from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns
from services.ingest.feeds.feed import open_listings
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", HEADER + ROW),
        ("a.CSV", HEADER + ROW),
        ("a.tsv", (HEADER + ROW).replace(",", "\t")),
        ("a.csv", (HEADER + ROW).replace(",", ";")),
        ("a.csv", (HEADER + ROW).replace("\n", "\r\n")),
        ("a.csv", (HEADER + ROW).replace("\n", "\r")),
        ("a.csv", "\ufeff" + HEADER + ROW),
        ("a.csv", HEADER + ROW.rstrip()),
        ("a.csv", "extra," + HEADER + "x," + ROW),
    ],
)
def test_reads_delimited_files(file, name, content):
    path = file(name, content)
    assert read(path) == [desk_listing(path, 2)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_reads_json_lines_with_numbers_as_written(file, name):
    entry = dict(zip(KEYS, DESK, strict=True)) | {"more": [1]}
    path = file(name, json.dumps(entry) + "\n\n" + json.dumps(entry | {"price": 0}).replace(": 0", ": 12.50"))
    assert read(path)[0] == desk_listing(path, 1)
    second = read(path)[1]
    assert isinstance(second, RawListing)
    assert (second.line, second.price) == (3, "12.50")


def test_reads_parquet_in_batches_with_row_numbers(tmp_path):
    columns = {key: [value] * 3000 for key, value in zip(KEYS, DESK, strict=True)}
    path = write_parquet(tmp_path / "a.parquet", **columns)
    assert read(path) == [desk_listing(path, number) for number in range(1, 3001)]


@pytest.mark.parametrize(
    ("prices", "text"),
    [
        (pa.array([12.5]), "12.5"),
        (pa.array([7]), "7"),
        (pa.array([Decimal("9.90")]), "9.90"),
        (pa.array([None], pa.float64()), ""),
        (pa.array([float("nan")]), ""),
        (pa.array(["£5"]).dictionary_encode(), "£5"),
    ],
)
def test_converts_parquet_values_of_any_type_to_text(tmp_path, prices, text):
    columns = {key: [value] for key, value in zip(KEYS, DESK, strict=True)} | {"price": prices}
    assert read_only_listing(write_parquet(tmp_path / "a.parquet", **columns)).price == text


def test_recognises_gzip_by_content_whatever_the_name(file):
    for name, content in (
        ("a.csv.gz", gzip.compress((HEADER + ROW).encode())),
        ("b.csv", gzip.compress((HEADER + ROW).encode())),
        ("c.csv.gz", HEADER + ROW),
        ("d.jsonl.gz", gzip.compress(json.dumps(dict(zip(KEYS, DESK, strict=True))).encode())),
    ):
        path = file(name, content)
        assert read_only_listing(path) == desk_listing(path, 1 if "jsonl" in name else 2)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl"])
def test_memory_use_does_not_grow_with_the_file(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    entry = json.dumps(dict(zip(KEYS, DESK, strict=True)) | {"product_description": "Solid oak " * 300}) + "\n"
    rows = entry if suffix == ".jsonl" else ROW.replace("Solid oak", "Solid oak " * 300)
    opened = gzip.open if suffix.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as out:
        out.write("" if suffix == ".jsonl" else HEADER)
        for _ in range(3_000):
            out.write(rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_listings(path, Columns()).records()) == 3_000
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()
