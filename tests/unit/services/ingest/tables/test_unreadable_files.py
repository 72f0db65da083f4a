"""Files that are refused as a whole."""

from __future__ import annotations

import gzip
import random

import pytest

from services.errors import ListingsFileError
from tests.unit.services.ingest.feeds.listing_files import (
    HEADER,
    ROW,
    desk_listing,
    read,
)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_refuses_an_empty_file(file, name, content):
    with pytest.raises(ListingsFileError, match="is empty"):
        read(file(name, content))


def test_reads_no_listings_from_a_header_alone(file):
    assert read(file("a.csv", HEADER)) == []


def test_counts_blank_lines_before_the_header(file):
    path = file("a.csv", "\n\n" + HEADER + ROW)
    assert read(path) == [desk_listing(path, 4)]


def test_refuses_a_file_of_many_blank_lines_as_empty(file):
    with pytest.raises(ListingsFileError, match="is empty"):
        read(file("a.csv", "\n" * 200_000))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PK\x03\x04\x14\x00\x08\x08", "is a damaged zip archive"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "is a PDF, whatever its file name says"),
        (b"PAR1....", "is a Parquet file"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"is an Excel workbook of the old form \(.xls\)"),
        (b"BZh91AY&SY", "is compressed other than with gzip"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<rss/>', "is XML"),
        (b'\n[{"id": 1, "product_name": "Desk"}]', r"is JSON, .* Rename it to end in \.json"),
        (b'{"id": 1, "product_name": "Desk"}\n', r"is JSON, .* Rename it to end in \.json"),
        ((HEADER + ROW).encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (b"<!DOCTYPE html>\n<html>", r"is a web page \(HTML\)"),
        (b"\n<table><tr><td>id</td></tr></table>", r"is a web page \(HTML\)"),
        (gzip.compress(random.Random(1).randbytes(20_000), mtime=0), "not a text file"),
        (gzip.compress((HEADER + ROW * 5000).encode(), mtime=0)[:-20], "damaged gzip file"),
        (gzip.compress((HEADER + ROW * 5000).encode(), mtime=0)[:15] + b"\xff" * 20, "damaged gzip file"),
    ],
)
def test_refuses_a_file_that_is_not_a_table(file, content, problem):
    with pytest.raises(ListingsFileError, match=problem):
        read(file("a.csv", content))


def test_refuses_random_bytes(file):
    for seed in range(200):
        with pytest.raises(ListingsFileError, match="not a text file"):
            read(file("a.csv", random.Random(seed).randbytes(5000)))


def test_accepts_a_text_file_with_a_few_control_characters(file):
    assert len(read(file("a.csv", HEADER + ROW.replace("oak", "\x01oak") * 100))) == 100


@pytest.mark.parametrize("content", [b"PAR1", b"", b"id,price\n", b"PAR1" + bytes(200) + b"PAR1"])
def test_refuses_an_invalid_parquet_file(file, content):
    with pytest.raises(ListingsFileError, match="is not a valid Parquet file"):
        read(file("a.parquet", content))


def test_refuses_json_lines_without_an_object(file):
    with pytest.raises(ListingsFileError, match="contains no JSON objects"):
        read(file("a.jsonl", "id,price\n1,2\n"))


@pytest.mark.parametrize("name", ["a", "a.gz", "a.parquet.gz", "a.xlsx.gz"])
def test_refuses_an_unknown_extension_and_names_the_known_ones(file, name):
    with pytest.raises(ListingsFileError, match=r"Rename it to end in \.csv, .*or \.parquet"):
        read(file(name, HEADER + ROW))


@pytest.mark.parametrize("name", ["missing.csv", "missing.jsonl", "missing.parquet"])
def test_refuses_a_missing_file(tmp_path, name):
    with pytest.raises(ListingsFileError, match="missing"):
        read(tmp_path / name)


def test_refuses_a_folder(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ListingsFileError, match="Is a directory"):
        read(tmp_path / "a.csv")
