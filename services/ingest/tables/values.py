"""Converts the typed values of JSON Lines and Parquet to rows of text.

An object or a list that stands where text is needed is never turned into text: the record is rejected with its id, or
the value is left out if the listing can do without it. A mapping reaches inside objects with a path, `price.amount`.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import shorten
from services.ingest.tables.json_documents import NumberText
from services.ingest.tables.rows import BrokenRow, Row
from services.ingest.tables.text_files import mend, unite_not_utf8
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.ingest.tables.rows import ColumnSelection, Typed

_WRAPPERS = ("$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal")
"""Keys of the objects that MongoDB's Extended JSON writes in place of a value."""

_EXACT = 2.0**53
"""Below this, floats hold every integer."""

_THREE_DECIMALS = re.compile(r"-?[0-9]+\.[0-9]{3}")
_WHOLE = re.compile(r"^(-?[0-9]+)\.0+$")


class _NotAnObject:
    """A value that stands where a path expects an object."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return f"{self._value} is not an object"


def row_of_values(
    number: int, values: Mapping[str, object], selection: ColumnSelection, *, repairs: tuple[Repair, ...] = ()
) -> Row | BrokenRow:
    """Return the row with every selected value as text, or a broken row for a value that cannot be text.

    Args:
        number: line or row number.
        values: by column; objects are dictionaries, and text may be bytes.
        selection: what to read.
        repairs: what reading the row took so far.
    """
    cells, typed = dict[str, str](), dict[str, "Typed"]()
    for column in selection.columns:
        value = value_at(values, selection.path_of(column))
        cell = id_text(value) if column in selection.ids else _cell(value)
        if isinstance(value, bool) and column in selection.booleans:
            cell = _json(value)
        elif isinstance(value, NumberText | float | Decimal) and column in selection.prices and cell:
            cell = amount_text(cell)
        kept = _typed(value)
        if column in selection.typed if not isinstance(kept, tuple) else column in (*selection.typed, *selection.lists):
            cell = _json(value) if cell is None else cell
            typed.update({column: kept} if kept is not None else {})
        if cell is None and column in selection.as_json and not isinstance(value, _NotAnObject):
            cell = _json(value)
        if cell is None and column not in selection.fillable:
            row_id = id_text(value_at(values, selection.path_of(selection.id))) if selection.id else None
            return BrokenRow(number, RejectReason.WRONG_TYPE, _problem(column, value), column, row_id or "")
        if cell is None:
            repairs, cell = (*repairs, Repair(ListingFlag.VALUE_LEFT_OUT, column, shorten(_json(value)))), ""
        cells[column], mended = mend(cell, column)
        repairs = (*repairs, *mended)
    return Row(number, cells, unite_not_utf8(repairs), typed)


def value_at(values: object, path: Sequence[str]) -> object:
    """Return the value to which keys lead, without wrappers; a list of the values if there are lists on the way."""
    for depth, key in enumerate(path):
        if isinstance(values, list):
            found = [value_at(one, path[depth:]) for one in values]
            return [one for one in found if one is not None]
        if values is not None and not isinstance(values, dict):
            return _NotAnObject(values)
        values = values.get(key) if isinstance(values, dict) else None
    while isinstance(values, dict) and len(values) == 1 and next(iter(values)) in _WRAPPERS:
        (values,) = values.values()
    return values


def paths_in(values: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Return the columns, and for columns of objects the paths of their values, in order of appearance."""
    found = dict[str, None]()
    for entry in values:
        for column, value in entry.items():
            found.update(dict.fromkeys(_paths(column, value)))
    return tuple(found)


def _paths(path: str, value: object) -> Iterable[str]:
    yield path
    inner = value if isinstance(value, list) else [value]
    for one in inner:
        if isinstance(one, dict):
            for key, nested in one.items():
                yield from _paths(f"{path}.{key}", nested)


def _cell(value: object) -> str | None:
    """Return a value as text; None if it is neither text nor a number."""
    if value is None or value != value:  # NaN differs from itself
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return None if isinstance(value, dict | list | bool | _NotAnObject) else str(value)


def amount_text(number: str) -> str:
    """Return a number so that its dot is no separator of thousands in a price: `12.3450` for `12.345`."""
    return f"{number}0" if _THREE_DECIMALS.fullmatch(number) else number


def id_text(value: object) -> str | None:
    """Return an id as text; 101 for the number 101.0, which pandas makes of a column with gaps."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return _WHOLE.sub(r"\1", value) if isinstance(value, NumberText) else _cell(value)


def _typed(value: object) -> Typed | None:
    """Return a number, a boolean or a list of texts as what it is; None for other values."""
    if isinstance(value, bool):
        return value
    if isinstance(value, NumberText | int | float):
        return float(value) if value == value else None
    if isinstance(value, list):
        texts = [_cell(one) for one in value if one is not None]
        return tuple(text for text in texts if text is not None) if None not in texts else None
    return None


def _json(value: object) -> str:
    def text(one: Any) -> str:
        return one.decode("utf-8", "surrogateescape") if isinstance(one, bytes) else str(one)

    return json.dumps(value, ensure_ascii=False, default=text)


def _problem(column: str, value: object) -> str:
    if isinstance(value, dict) and value:
        paths = ", ".join(f"{column}.{key}" for key in value)
        return f"{_json(value)} is an object. Map one of {paths}"
    return _json(value)
