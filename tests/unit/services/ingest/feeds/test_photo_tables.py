"""Reading photo names from listings, and photo tables."""

from __future__ import annotations

import json

import pytest

from db.rows.records import PhotoRecord, RejectedRecord
from services.errors import MissingColumns
from services.ingest.feeds.columns import Columns, PhotoColumns
from services.ingest.feeds.photo_tables import read_photo_table
from services.ingest.tables.rows import FileFormat
from tests.unit.services.ingest.feeds.listing_files import (
    DESK,
    HEADER,
    KEYS,
    LINKED,
    ROW,
    read_only_listing,
    write_parquet,
)


def test_reads_the_photos_of_a_row_from_every_format(file, tmp_path):
    entry = dict(zip(KEYS, DESK, strict=True))
    for path in (
        file("a.csv", HEADER.strip() + ",photos\n" + ROW.strip() + ",a.jpg|b.jpg\n"),
        file("a.jsonl", json.dumps(entry | {"photos": ["a.jpg", "b.jpg"]})),
        write_parquet(
            tmp_path / "a.parquet", **{key: [text] for key, text in entry.items()}, photos=[["a.jpg", "b.jpg"]]
        ),
    ):
        assert read_only_listing(path, LINKED).photos == ("a.jpg", "b.jpg")


def test_reads_a_photo_table(file):
    path = file("photos.csv", ",id,product_id\n4,p-1,L-1\n5, p-2 ,L-1\n")
    assert list(read_photo_table(path, Columns())) == [
        PhotoRecord("p-1", "L-1", "p-1", "photos.csv", 2),
        PhotoRecord("p-2", "L-1", "p-2", "photos.csv", 3),
    ]


def test_reads_file_names_from_a_photo_table(file):
    path = file("photos.csv", "id,product_id,file\n1,L-1,a.jpg\n2,L-1,\n")
    photos = list(read_photo_table(path, Columns(photos=PhotoColumns(file="file"))))
    assert [photo.source for photo in photos if isinstance(photo, PhotoRecord)] == ["a.jpg", "2"]


def test_a_photo_without_id_has_its_file_name_as_id(file):
    path = file("photos.csv", "id,product_id,file\n,L-1,a.jpg\n,L-2,\n")
    photo, rejected = read_photo_table(path, Columns(photos=PhotoColumns(file="file")))
    assert photo == PhotoRecord("a.jpg", "L-1", "a.jpg", "photos.csv", 2)
    assert isinstance(rejected, RejectedRecord)
    assert rejected.reason == "missing_id"


def test_rejects_incomplete_photo_rows_with_reasons(file):
    path = file("photos.csv", f"id,product_id\n,L-1\np-1,\n{'x' * 501},L-1\np-2\np-3,L-1\n")
    *rejected, accepted = read_photo_table(path, Columns())
    assert [(each.line, each.reason) for each in rejected if isinstance(each, RejectedRecord)] == [
        (2, "missing_id"),
        (3, "missing_listing_id"),
        (4, "id_too_long"),
        (5, "broken_record"),
    ]
    assert accepted == PhotoRecord("p-3", "L-1", "p-3", "photos.csv", 6)


def test_names_a_missing_photo_table_column(file):
    with pytest.raises(MissingColumns, match="'product_id' is missing; the file has the columns 'id', 'listing'"):
        list(read_photo_table(file("photos.csv", "id,listing\n"), Columns()))


CYRILLIC = Columns(file=FileFormat("cp1251", ";"))


def test_reads_a_photo_table_in_the_encoding_and_delimiter_of_the_mapping(file):
    path = file("photos.csv", "id;product_id\nфото-1;L-1\n".encode("cp1251"))
    assert list(read_photo_table(path, CYRILLIC)) == [PhotoRecord("фото-1", "L-1", "фото-1", "photos.csv", 2)]


def test_reads_a_photo_table_with_another_delimiter_than_the_listings(file):
    path = file("photos.csv", "id,product_id\np-1,L-1\n")
    assert list(read_photo_table(path, CYRILLIC)) == [PhotoRecord("p-1", "L-1", "p-1", "photos.csv", 2)]
