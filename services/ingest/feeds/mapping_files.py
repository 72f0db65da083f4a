"""Reads a column mapping from TOML: your own, or the file of a preset.

The text names only what differs from the preset, or from the published data set:

    preset = "shopify"            # optional

    [file]                        # optional: what the listings file does not say itself
    encoding = "cp1251"
    delimiter = ";"

    [listings]
    id = "sku"
    title = "name"
    price = ["Sale price", "Regular price"]
    photos = ["IMAGE*"]

    [attributes]
    brand = "Vendor"
    pairs = [["Option* Name", "Option* Value"]]   # columns with a name, and with its value
    prefixes = ["C:"]             # the name follows: `C:Colour`
    blank_values = ["N/A"]

    [photos]                      # the photo table
    id = "picture"
    listing_id = "sku"
"""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from services.errors import BadInput, ListingsFileError
from services.ingest.feeds.columns import (
    BOOLEANS,
    COLUMN_FIELDS,
    NOTATIONS,
    REQUIRED,
    Columns,
    ListingColumns,
    PhotoColumns,
)
from services.ingest.feeds.presets import find_preset
from services.ingest.tables.rows import FileFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_Table = TypeVar("_Table", ListingColumns, PhotoColumns, FileFormat)

_PATTERNS = {
    "pairs": 'pairs = [["Option* Name", "Option* Value"]], with one * in each',
    "prefixes": 'prefixes = ["C:"]',
    "blank_values": 'blank_values = ["N/A"]',
}
"""Words of `[attributes]` that are no attributes if they have a list, with an example of each."""

_MAY_BE_EMPTY = frozenset({*COLUMN_FIELDS, "file"}.difference(REQUIRED))


def columns_of_preset(preset: str) -> Columns:
    """Return the mapping of a preset; the published names if `preset` is empty.

    Raises:
        BadInput: there is no such preset.
    """
    return parse_columns(b"", source="", preset=preset)


def read_columns(path: Path, *, preset: str = "") -> Columns:
    """Read a mapping from a file; see `parse_columns`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ListingsFileError(path, f"cannot be read ({error.strerror})", "Check the path") from error
    return parse_columns(content, source=path, preset=preset)


def parse_columns(content: bytes, *, source: Path | str, preset: str = "") -> Columns:
    """Read a mapping; what it does not mention stays as in the preset, or as published.

    Args:
        content: TOML in UTF-8.
        source: where it comes from, for messages.
        preset: name of the preset that it changes, unless it names it itself.

    Raises:
        BadInput: there is no such preset, or two are named.
        ListingsFileError: the text is not TOML, has an unknown table or field, or gives a required field no column.
    """
    try:
        tables = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ListingsFileError(source, f"is not TOML ({error})", 'Write lines such as title = "name"') from error
    named = tables.pop("preset", preset)
    if not isinstance(named, str):
        raise ListingsFileError(source, "preset is not text", "Put its name in quotes")
    if preset and named != preset:
        raise BadInput(f"{source} has the preset {named!r}, and the call the preset {preset!r}. Name one of them.")
    if not named:
        return _overlaid(source, tables, Columns())
    mapping = find_preset(named).mapping
    base = _overlaid(named, mapping, Columns.without_columns(named))
    from_preset = [*mapping["listings"], *(f"attributes.{name}" for name in mapping.get("attributes", {}))]
    return _overlaid(source, tables, replace(base, from_preset=tuple(from_preset)))


def _overlaid(source: Path | str, tables: Mapping[str, Any], base: Columns) -> Columns:
    _refuse_unknown(source, tables, known=("file", "listings", "attributes", "photos"), kind="table")
    patterns, attributes = _attribute_patterns(source, tables)
    listings = _table(source, "listings", tables)
    named = {*listings, *(f"attributes.{name}" for name in _table(source, "attributes", tables))}
    return Columns(
        listings=_mapped(source, "listings", tables, default=base.listings),
        photos=_mapped(source, "photos", tables, default=base.photos),
        attributes={name: column for name, column in {**base.attributes, **attributes}.items() if column},
        attribute_pairs=tuple((name, value) for name, value in patterns.get("pairs", base.attribute_pairs)),
        attribute_prefixes=tuple(patterns.get("prefixes", base.attribute_prefixes)),
        blank_values=tuple(patterns.get("blank_values", base.blank_values)),
        file=_mapped(source, "file", tables, default=base.file),
        preset=base.preset,
        from_preset=tuple(name for name in base.from_preset if name not in named),
        notations=tuple(name for name in NOTATIONS if name in base.notations or name in listings),
        named=tuple(listings),
    )


def _attribute_patterns(source: Path | str, tables: Mapping[str, Any]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return the lists of `[attributes]`, which find columns by patterns, and the columns that it names.

    Raises:
        ListingsFileError: a value is neither a column name nor such a list.
    """
    attributes = dict(_table(source, "attributes", tables))
    patterns = {name: attributes.pop(name) for name in _PATTERNS if isinstance(attributes.get(name), list)}
    for name, column in attributes.items():
        if not isinstance(column, str):
            raise ListingsFileError(source, f"attributes.{name} is not text", "Put the column name in quotes")
    for name, values in patterns.items():
        is_right = _is_pair if name == "pairs" else _is_filled_text
        if not all(map(is_right, values)):
            raise ListingsFileError(source, f"attributes.{name} cannot be read", f"Write {_PATTERNS[name]}")
    return patterns, attributes


def _is_filled_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_pair(value: object) -> bool:
    """Say whether a value is a list of two texts with a `*` each."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(one, str) and one.count("*") == 1 for one in value)
    )


def _mapped(source: Path | str, table: str, tables: Mapping[str, Any], *, default: _Table) -> _Table:
    values = dict(_table(source, table, tables))
    known = [entry.name for entry in fields(default)]
    _refuse_unknown(source, values, known=known, kind=f"field of [{table}]")
    for name, value in values.items():
        place = f"{table}.{name}"
        several = table == "listings" and name in COLUMN_FIELDS and isinstance(value, list)
        if name in BOOLEANS:
            if not isinstance(value, bool):
                raise ListingsFileError(source, f"{place} is neither true nor false", f"Write {name} = true")
        elif several and all(isinstance(one, str) for one in value):
            values[name] = tuple(value)
        elif not isinstance(value, str):
            raise ListingsFileError(source, f"{place} is not text", "Put the column name in quotes")
        is_column = table == "photos" or name in COLUMN_FIELDS
        if is_column and name not in _MAY_BE_EMPTY and not any(values[name]):
            raise ListingsFileError(source, f"{place} is empty", "Give the name of its column")
    return replace(default, **values)


def _table(source: Path | str, table: str, tables: Mapping[str, Any]) -> Mapping[str, Any]:
    values = tables.get(table, {})
    if not isinstance(values, dict):
        raise ListingsFileError(source, f"{table!r} is not a table", f"Begin it with the line [{table}]")
    return values


def _refuse_unknown(source: Path | str, names: Iterable[str], *, known: Iterable[str], kind: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ListingsFileError(
            source, f"has an unknown {kind} {', '.join(map(repr, unknown))}", f"Use {', '.join(known)}"
        )
