"""Reads a table once ahead, where the meaning of a record depends on others: dates, prices, lists, variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.cleaning.date_order import DateOrder
from services.ingest.cleaning.dates import NUMERIC, SHORT_NUMERIC
from services.ingest.cleaning.prices import PriceNotation
from services.ingest.cleaning.text import clean_line
from services.ingest.feeds.category_lists import CategoryLists, listed_texts
from services.ingest.feeds.records import ReadingContext
from services.ingest.tables.rows import BrokenRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.ingest.cleaning.repairs import Repair
    from services.ingest.feeds.columns import Columns
    from services.ingest.feeds.header import FoundColumns
    from services.ingest.tables.rows import ColumnSelection, Row, Table

_SAMPLE = 1000
"""Rows searched for values with two meanings: a million ISO dates are not read twice for an odd one."""


def read_ahead(
    table: Table, selection: ColumnSelection, columns: Columns, *, found: FoundColumns
) -> tuple[ReadingContext, tuple[Repair, ...]]:
    """Return what the records need to know of the file, and what was decided for all of them.

    Raises:
        ListingsFileError: the file cannot be read.
    """
    dates, prices, ids, parents = (found.fields[name] for name in ("listed_at", "price", "id", "parent"))
    order, notation, aliases = DateOrder(), PriceNotation(), dict[str, str]()
    lists = CategoryLists(columns.listings)
    learns_order = bool(dates) and columns.listings.day_first is None
    learns_ids = bool(parents) and len(ids) > 1
    is_open = False
    for number, row in enumerate(_rows(table, selection)):
        if learns_order:
            text = next((cell for column in dates if (cell := row.cells.get(column, "").strip())), "")
            is_open = is_open or bool(NUMERIC.match(text) or SHORT_NUMERIC.match(text))
            order.add(text)
        for column in prices:
            notation.add(row.cells.get(column, ""))
        for column in found.fields["category"]:
            lists.add(listed_texts(row, column) or ())
        if learns_ids:
            first, *others = filter(None, (clean_line(row.cells.get(column, "")) for column in ids))
            aliases.update(dict.fromkeys(others, first))
        if number >= _SAMPLE and not is_open and not notation.is_open and not learns_ids:
            break
    day_first = order.day_first if columns.listings.day_first is None else columns.listings.day_first
    decimal_mark = notation.decimal_mark if notation.is_open or notation.decimal_mark == "," else ""
    context = ReadingContext(
        day_first=day_first,
        decimal_mark=decimal_mark,
        group_mark=notation.group_mark,
        lists_are_paths=lists.are_paths,
        ids=aliases,
    )
    return context, (*order.repairs(), *notation.repairs(), *lists.repairs())


def _rows(table: Table, selection: ColumnSelection) -> Iterator[Row]:
    return (row for row in table.rows(selection) if not isinstance(row, BrokenRow))
