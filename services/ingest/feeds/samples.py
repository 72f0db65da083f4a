"""Reads the first values of every column of a table, and says which fields of a listing they fit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.cleaning.availability import is_sold, sold_of
from services.ingest.cleaning.dates import DateError, parse_date
from services.ingest.cleaning.links import clean_url
from services.ingest.cleaning.prices import PriceError, parse_price, read_currency
from services.ingest.photos.cells import split_photos
from services.ingest.photos.names import EXTENSIONS
from services.ingest.photos.urls import normal_url
from services.ingest.tables.rows import ColumnSelection
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from services.ingest.tables.rows import Table

SAMPLED = 100
"""Rows searched for values."""

_NO_NAMES = frozenset({"true", "false", "yes", "no", "y", "n"})
_IMAGE_URL = re.compile(rf"(?i)(?:{'|'.join(map(re.escape, EXTENSIONS))})(?:[?#].*)?$")


def sample_values(table: Table, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the values of columns, or paths, in the first rows, without blank ones; nothing if these are unreadable.

    Lists and objects are JSON texts.
    """
    wanted = tuple(dict.fromkeys(filter(None, names)))
    paths = {name: tuple(name.split(".")) for name in wanted if name not in table.columns}
    selection = ColumnSelection(wanted, paths=paths, as_json=wanted, typed=wanted, optional=wanted, fillable=wanted)
    values: dict[str, list[str]] = {name: [] for name in wanted}
    try:
        for row in islice(table.rows(selection), SAMPLED):
            for name, cell in getattr(row, "cells", {}).items():
                if cell.strip():
                    values[name].append(cell)
    except ListingsFileError:
        return {}
    return {name: tuple(found) for name, found in values.items()}


def fits(field: str, values: Sequence[str]) -> bool:
    """Say whether at least half of the values can be values of a field; no values fit every field."""
    if field == "id":
        return len(values) < 5 or len(set(values)) > 1
    is_fit = _FITS.get(field)
    return is_fit is None or sum(map(is_fit, values)) * 2 >= len(values)


def are_image_urls(values: Sequence[str]) -> bool:
    """Say whether the values, of which there are some, are URLs of images by their file names."""
    names = [name for value in values for name in split_photos(value, ",").names]
    return bool(names) and all(normal_url(name) is not None and _IMAGE_URL.search(name) for name in names)


def _is_price(text: str) -> bool:
    try:
        return parse_price(text).amount is not None
    except PriceError:
        return False


def _is_date(text: str) -> bool:
    try:
        return parse_date(text, now=datetime.now(UTC)) is not None
    except DateError as error:
        return error.flag is ListingFlag.AMBIGUOUS_DATE


def _is_photo(text: str) -> bool:
    """Say whether a cell has URLs, file names or ids of photos: no prose, count, boolean or size."""
    names = split_photos(text, ",").names
    return bool(names) and all(normal_url(name) is not None or _is_photo_name(name) for name in names)


def _is_photo_name(name: str) -> bool:
    if name.casefold().endswith(tuple(EXTENSIONS)):
        return True
    return " " not in name and name.casefold() not in _NO_NAMES and not (name.isdecimal() and len(name) < 6)


def _is_words(text: str) -> bool:
    return any(letter.isalpha() for letter in text) and normal_url(text) is None


def _is_no_url(text: str) -> bool:
    return normal_url(text) is None


_FITS: Mapping[str, Callable[[str], bool]] = {
    "title": _is_words,
    "category": _is_no_url,
    "description": _is_no_url,
    "location": _is_words,
    "seller": _is_no_url,
    "price": _is_price,
    "currency": lambda text: read_currency(text) is not None,
    "photos": _is_photo,
    "listed_at": _is_date,
    "url": lambda text: bool(clean_url(text)),
    "availability": lambda text: sold_of(text) is not None,
    "sold": lambda text: is_sold(text, now=datetime.now(UTC)) is not None,
}
