"""Recognises well-known exports by their header, when nobody gave a mapping. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import word_list
from services.ingest.feeds.columns import COLUMN_FIELDS, NOTATIONS, REQUIRED, ListingColumns
from services.ingest.feeds.header import find_columns
from services.ingest.feeds.header_keys import header_key
from services.ingest.feeds.mapping_files import columns_of_preset
from services.ingest.feeds.presets import find_preset, fitting_presets, preset_names
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from services.ingest.feeds.columns import Columns
    from services.ingest.feeds.header import FoundColumns
    from services.ingest.feeds.presets import Preset
    from services.ingest.tables.rows import Table

_OF_SALES = word_list("""
    sold | issold | wassold | soldout | issoldout | soldat | soldon | solddate | saledate | datesold | outofstock
    isoutofstock | unavailable | verkauft | istverkauft | verkauftam | ausverkauft | vendu | estvendu | vendido
    venduto | verkocht
""")
_OF_AVAILABILITY = word_list("""
    available | isavailable | availability | instock | instock? | isinstock | forsale | isforsale | active | isactive
    stock | quantity | qty | stockquantity | stockstatus | verfügbar | vorrätig | vorrätig? | auflager | disponible
    disponibile
""")
"""Keys of columns that say whether a listing is sold, and of those that say the opposite."""

_NEAR_MISS = 1
"""Missing columns with which a header still looks like a preset's."""


def likely_names(columns: Columns) -> set[str]:
    """Return names of columns that a file with this mapping may have; those of all presets if nobody chose any."""
    names = set(chain.from_iterable(map(columns.names_of, COLUMN_FIELDS)))
    for preset in map(find_preset, preset_names()) if columns.is_default else ():
        names.update(*preset.signatures)
    return names


def choose_columns(path: Path, columns: Columns, present: Sequence[str]) -> Columns:
    """Return the mapping; if it is the default one and does not fit, that of the export that the header shows.

    Raises:
        ListingsFileError: several exports have this header.
    """
    if not columns.is_default:
        return columns
    missing = {name for name, _column in find_columns(path, columns, present).missing}
    if missing.isdisjoint(REQUIRED):
        return columns  # it has our names for what a listing needs, which no export has
    fitting = fitting_presets(present)
    if len(fitting) > 1:
        names = " and ".join(f"{preset.name!r}" for preset in fitting)
        raise ListingsFileError(path, f"has the columns of the presets {names}", "Choose one of them as the preset")
    if not fitting:
        return columns
    preset = columns_of_preset(fitting[0].name)
    return replace(preset, file=columns.file, photos=columns.photos, attributes=preset.attributes | columns.attributes)


def with_usual_notations(path: Path, columns: Columns, table: Table) -> tuple[Columns, tuple[Repair, ...]]:
    """Return a mapping that reads cells as the export that the header shows writes them, where it does not say how.

    Only those of a field whose columns the export's preset maps to this field too.
    """
    fitting = fitting_presets(table.columns) if not columns.preset else []
    if len(fitting) != 1:
        return columns, ()
    preset = columns_of_preset(fitting[0].name)
    own, usual = (find_columns(path, mapping, table.columns).fields for mapping in (columns, preset))
    taken = {
        name: getattr(preset.listings, name)
        for name, field in NOTATIONS.items()
        if name not in columns.notations
        and own[field]
        and set(own[field]) <= set(usual[field])
        and getattr(columns.listings, name) == getattr(ListingColumns(), name) != getattr(preset.listings, name)
    }
    notices = [
        Repair(
            ListingFlag.PRESET_SEPARATOR,
            name,
            _toml(getattr(columns.listings, name)),
            f"{name} = {_toml(value)}, as in the preset {preset.preset}",
        )
        for name, value in taken.items()
    ]
    return replace(columns, listings=replace(columns.listings, **taken)), tuple(notices)


def _toml(value: str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)


def refuse_other_export(path: Path, present: Sequence[str]) -> None:
    """Raise ListingsFileError if the header is that of orders, an inventory or the like of a program with a preset."""
    keys = {header_key(name) for name in present}
    for preset in map(find_preset, preset_names()):
        for what, columns in preset.other_exports.items():
            if keys.issuperset(map(header_key, columns)):
                raise ListingsFileError(
                    path, f"is {what}, and has no listings", "Export the products or listings instead"
                )


def refuse_opposite_columns(path: Path, found: FoundColumns) -> None:
    """Raise ListingsFileError if `availability` is read from a column of sales, or `sold` from one of availability."""
    for name, opposite, words in (("availability", "sold", _OF_SALES), ("sold", "availability", _OF_AVAILABILITY)):
        for column in found.fields[name]:
            if header_key(column.rpartition(".")[2]) in words:
                raise ListingsFileError(
                    path,
                    f"has the column {column!r}, whose name says the opposite of {name}",
                    f"Map {opposite} = {_toml(column)} instead",
                )


def nearest_preset(present: Sequence[str]) -> tuple[Preset, list[str]] | None:
    """Return the preset that the header fits but for one column of several, and that column; None if there is none."""
    misses = [
        (len(missing) / len(signature), preset, missing)
        for preset in map(find_preset, preset_names())
        for signature, missing in zip(preset.signatures, preset.missing(present), strict=False)
        if 0 < len(missing) <= _NEAR_MISS < len(signature) - 1
    ]
    if not misses:
        return None
    _share, preset, missing = min(misses, key=lambda miss: miss[0])
    return preset, missing
