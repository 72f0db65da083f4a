"""Generates the files that the import benchmark imports."""

from __future__ import annotations

import csv
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

from services.bench.inputs.random_photos import random_photo
from services.ingest.loading.inputs import IngestInputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

CATEGORIES = ("Appliances", "Baby & Kids Stuff", "Clothing", "Home & Garden", "Office Furniture & Equipment", "Phones")
_PLACES = ("Delph, Manchester", "Leith, Edinburgh", "Ludlow, Shropshire", "Stroud, Gloucestershire")
_DESCRIPTION = "Bought last year, hardly used, from a smoke-free home. Collection in person, or by post at cost. " * 3
_HEADER = ("id", "product_name", "category", "product_description", "price", "location")
_PHOTO_SIZE = (160, 120)


def write_files_in_another_process(folder: Path, listings: int) -> IngestInputs:
    """Run `write_files` in a new process, so that its memory is not part of the measured memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(write_files, folder, listings).result()


def write_files(folder: Path, listings: int) -> IngestInputs:
    """Write a listings CSV, a photo table, and a zip with a different JPEG of 160 x 120 pixels for each listing."""
    folder.mkdir(parents=True)
    inputs = IngestInputs(folder / "listings.csv", folder / "photos.csv", folder / "photos.zip")
    _write_table(folder / "listings.csv", _HEADER, map(_listing, range(listings)))
    _write_table(folder / "photos.csv", ("id", "product_id"), ((_photo_id(n), _listing_id(n)) for n in range(listings)))
    with zipfile.ZipFile(folder / "photos.zip", "w", zipfile.ZIP_STORED) as archive:
        for number in range(listings):
            archive.writestr(f"{_photo_id(number)}.jpg", random_photo(number, _PHOTO_SIZE))
    return inputs


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _listing(number: int) -> tuple[str, ...]:
    category, place = CATEGORIES[number % len(CATEGORIES)], _PLACES[number % len(_PLACES)]
    return _listing_id(number), f"Item {number}", category, _DESCRIPTION, f"£{number % 500 + 1}.00", place


def _listing_id(number: int) -> str:
    return f"listing-{number:07}"


def _photo_id(number: int) -> str:
    return f"photo-{number:07}"
