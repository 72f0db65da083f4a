"""Reads a table once ahead, where the meaning of one record depends on others: dates, and the parents of variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.cleaning.date_order import DateOrder
from services.ingest.cleaning.dates import NUMERIC
from services.ingest.cleaning.text import clean_line
from services.ingest.feeds.records import ReadingContext
from services.ingest.tables.rows import BrokenRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.ingest.cleaning.repairs import Repair
    from services.ingest.feeds.columns import Columns
    from services.ingest.feeds.header import FoundColumns
    from services.ingest.tables.rows import ColumnSelection, Row, Table

_SAMPLE = 1000
"""Rows searched for a date of numbers. A file of a million ISO dates is not read twice for the one odd date in it."""


def read_ahead(
    table: Table, selection: ColumnSelection, columns: Columns, *, found: FoundColumns
) -> tuple[ReadingContext, tuple[Repair, ...]]:
    """Return what the records need to know of the file, and what was decided for all of them.

    Raises:
        ListingsFileError: the file cannot be read.
    """
    dates, ids, parents = (found.fields[name] for name in ("listed_at", "id", "parent"))
    order, aliases = DateOrder(), dict[str, str]()
    learns_order = bool(dates) and columns.listings.day_first is None
    learns_ids = bool(parents) and len(ids) > 1
    is_open = False
    for number, row in enumerate(_rows(table, selection) if learns_order or learns_ids else ()):
        if learns_order:
            text = next((cell for column in dates if (cell := row.cells.get(column, "").strip())), "")
            is_open = is_open or NUMERIC.match(text) is not None
            order.add(text)
        if learns_ids:
            first, *others = filter(None, (clean_line(row.cells.get(column, "")) for column in ids))
            aliases.update(dict.fromkeys(others, first))
        if number >= _SAMPLE and not is_open and not learns_ids:
            break
    day_first = order.day_first if columns.listings.day_first is None else columns.listings.day_first
    return ReadingContext(day_first=day_first, ids=aliases), order.repairs()


def _rows(table: Table, selection: ColumnSelection) -> Iterator[Row]:
    return (row for row in table.rows(selection) if not isinstance(row, BrokenRow))
