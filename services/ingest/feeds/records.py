"""Turns the rows of a table into raw listings, by the columns that a mapping names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from db.rows.records import RejectedRecord
from services.ingest.cleaning.attributes import well_known_name
from services.ingest.cleaning.availability import is_sold, sold_of
from services.ingest.cleaning.categories import is_numeric
from services.ingest.cleaning.dates import DateError, parse_date
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, shorten
from services.ingest.feeds.category_lists import CategoryText, category_of, listed_texts
from services.ingest.photos.cells import split_photos
from services.ingest.tables.rows import BrokenRow, ColumnSelection
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.vectors.attributes import AttributeValue
    from services.ingest.feeds.columns import Columns, ListingColumns
    from services.ingest.feeds.header import FoundColumns
    from services.ingest.tables.rows import Row

_FILLABLE = (
    "description",
    "location",
    "photos",
    "seller",
    "listed_at",
    "url",
    "availability",
    "sold",
    "stock",
    "stock_policy",
    "stock_tracker",
    "parent",
    "sale_period",
)
"""Fields that a listing can do without. A price is none of them: a listing without one counts as free of charge."""

_ESCAPED_BREAK = re.compile(r"(\\)?\\n")

_LATEST = datetime(9998, 1, 1, tzinfo=UTC)
"""The end of a sale may be any time ahead; dates of listings may not."""


@dataclass(frozen=True, slots=True)
class ReadingContext:
    """What a record cannot say by itself.

    Attributes:
        now: the time at which sale prices are compared with their period.
        day_first: the order of day and month in the file, where a date leaves it open.
        decimal_mark: the mark that the prices of the file prove to begin decimals.
        group_mark: the mark that probably groups thousands in them.
        lists_are_paths: whether a list of categories holds paths, not the levels of one path.
        ids: the id of a listing by its other ids, such as its SKU, by which variants may name it.
        names: by the column of an attribute's value, the listing's id and the attribute's name in the last row that
            names it: exports of Shopify name options in the first row of a product only.
    """

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    day_first: bool | None = None
    decimal_mark: str = ""
    group_mark: str = ""
    lists_are_paths: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)


def selection_of(found: FoundColumns) -> ColumnSelection:
    """Return what to read from the table."""

    def named(*names: str) -> tuple[str, ...]:
        return tuple(column for name in names for column in found.fields[name])

    needed = named("id", "title", "category", "price", "currency")
    fillable = (*named(*_FILLABLE), *found.attribute_columns)
    return ColumnSelection(
        found.columns,
        paths=found.paths,
        repeats=found.repeats,
        id=next(iter(named("id")), ""),
        free_text=next(iter(named("description")), ""),
        price=next(iter(named("price")), ""),
        as_json=named("photos", "price"),
        lists=named("category", "description"),
        typed=(*found.attribute_columns, *named("availability", "sold")),
        optional=found.absent,
        fillable=tuple(column for column in fillable if column not in needed),
        prices=named("price"),
        booleans=named("availability"),
        ids=named("id", "parent"),
    )


def raw_listing(file: str, row: Row, columns: Columns, *, found: FoundColumns, context: ReadingContext) -> RawListing:
    """Return the listing of a row as it stands there."""
    cells, mapping = _Cells(row, found), columns.listings
    category = cells.category(context, mapping)
    photos, guesses = cells.photos(mapping.photos_separator)
    price, zero_prices = cells.price(context)
    attributes, several = cells.attributes(columns.blank_values, context)
    parent = clean_line(cells.first("parent")).removeprefix("id:").strip()
    return RawListing(
        file=file,
        line=row.line,
        listing_id=cells.first("id"),
        title=cells.first("title"),
        category=category.text,
        description=_with_line_breaks(cells.description()) if mapping.escaped_line_breaks else cells.description(),
        price=price,
        location=cells.first("location"),
        photos=photos,
        repairs=(*row.repairs, *guesses, *zero_prices, *several),
        seller=cells.first("seller"),
        listed_at=cells.first("listed_at"),
        day_first=context.day_first,
        decimal_mark=context.decimal_mark,
        group_mark=context.group_mark,
        currency=cells.first("currency") or mapping.default_currency,
        category_separator=category.level_separator,
        categories_separator=category.path_separator,
        availability=cells.availability(),
        sold=cells.sold(context),
        stock=cells.stock(),
        url=cells.first("url"),
        attributes=attributes,
        parent=context.ids.get(parent, parent),
    )


def rejected_row(file: str, row: BrokenRow) -> RejectedRecord:
    """Return the reject for a part of a file that is not a row."""
    return RejectedRecord(file, row.line, shorten(clean_line(row.id)), row.column, row.reason, shorten(row.text))


class _Cells:
    """The cells of a row, by field."""

    def __init__(self, row: Row, found: FoundColumns) -> None:
        self._row, self._found = row, found

    def all(self, name: str) -> list[str]:
        return [self._row.cells.get(column, "") for column in self._found.fields[name]]

    def first(self, name: str) -> str:
        return next((cell for cell in self.all(name) if cell.strip()), "")

    def category(self, context: ReadingContext, columns: ListingColumns) -> CategoryText:
        """Return the first category that is no number."""
        texts = list[CategoryText]()
        for column in self._found.fields["category"]:
            listed = listed_texts(self._row, column)
            if listed is not None:
                texts.append(category_of(listed, are_paths=context.lists_are_paths, columns=columns))
            else:
                cell = self._row.cells.get(column, "")
                texts.append(CategoryText(cell, columns.category_separator, columns.categories_separator))
        filled = [category for category in texts if category.text.strip()]
        return next((one for one in filled if not is_numeric(one.text)), filled[0] if filled else CategoryText(""))

    def description(self) -> str:
        for column, cell in zip(self._found.fields["description"], self.all("description"), strict=True):
            if cell.strip():
                texts = self._row.typed.get(column)
                return "\n".join(texts) if isinstance(texts, tuple) else cell
        return ""

    def price(self, context: ReadingContext) -> tuple[str, tuple[Repair, ...]]:
        """Return the first price; not the sale price, which comes first, outside its period or if it is zero."""
        prices = self.all("price")
        if len(prices) > 1 and not _is_running(self.all("sale_period"), context):
            prices = prices[1:]
        filled = [price for price in prices if price.strip()]
        chosen = next((price for price in filled if not _is_zero(price)), next(iter(filled), ""))
        skipped = filled[: filled.index(chosen)] if filled else []
        return chosen, tuple(Repair(ListingFlag.ZERO_SALE_PRICE, "price", price, chosen) for price in skipped)

    def availability(self) -> str:
        """Return the text that says that the listing cannot be bought; else the first."""
        texts = [text for text in self.all("availability") if text.strip()]
        return next((text for text in texts if sold_of(text)), texts[0] if texts else "")

    def sold(self, context: ReadingContext) -> str:
        """Return the text that says that the listing is sold; else the first."""
        texts = [text for text in self.all("sold") if text.strip()]
        return next((text for text in texts if is_sold(text, now=context.now)), texts[0] if texts else "")

    def stock(self) -> str:
        """Return the number that limits the sales; `unlimited` if none does, empty if the row has no stock."""
        quantity, policy, tracker = (self.first(name).strip() for name in ("stock", "stock_policy", "stock_tracker"))
        if not quantity and not policy:
            return ""
        has_policy, has_tracker = self._has("stock_policy"), self._has("stock_tracker")
        is_limited = policy.casefold() == "deny" if has_policy else True
        return quantity if quantity and is_limited and (tracker or not has_tracker) else "unlimited"

    def _has(self, name: str) -> bool:
        return not set(self._found.fields[name]) <= set(self._found.absent)

    def photos(self, separator: str) -> tuple[tuple[str, ...], tuple[Repair, ...]]:
        names, guesses = list[str](), list[Repair]()
        for cell in self.all("photos"):
            photos = split_photos(cell, separator)
            names += photos.names
            if photos.is_guess:
                guesses.append(Repair(ListingFlag.GUESSED_PHOTOS, "photos", cell, " | ".join(photos.names)))
        return tuple(dict.fromkeys(names)), tuple(guesses)

    def attributes(
        self, blank_values: Sequence[str], context: ReadingContext
    ) -> tuple[dict[str, AttributeValue], tuple[Repair, ...]]:
        """Return the attributes, and the repairs of those whose several values became one text.

        A blank name is that of the row before, if this row has the same id.
        """
        blank = {clean_line(text).casefold() for text in blank_values}
        named = [(self._name_of(*pair, context), pair[1]) for pair in self._found.pairs]
        values, several = dict[str, "AttributeValue"](), list[Repair]()
        for name, column in (*self._found.attributes.items(), *named):
            value = self._row.typed.get(column, self._row.cells.get(column, ""))
            items = _items(value, with_commas=column not in self._found.attributes.values())
            text = ", ".join(items) if items or isinstance(value, tuple) else value
            is_blank = isinstance(text, str) and clean_line(text).casefold() in blank
            if len(items) > 1:
                several.append(Repair(ListingFlag.SEVERAL_VALUES, name, self._row.cells.get(column, ""), str(text)))
            while name in values:
                name += " "  # the same name when it is cleaned, where the second value is told
            values[name] = "" if is_blank else text
        return values, tuple(several)

    def _name_of(self, name_column: str, column: str, context: ReadingContext) -> str:
        """Return the name of the attribute whose value is in `column`; the column's if it is not known."""
        listing_id, name = self.first("id"), self._row.cells.get(name_column, "").strip()
        if name:
            context.names[column] = (listing_id, name)
        named_id, known = context.names.get(column, ("", ""))
        return well_known_name(known) if named_id == listing_id else column


def _with_line_breaks(text: str) -> str:
    r"""Undo what WooCommerce does to line breaks: it writes the characters `\n`, and `\\n` for these themselves."""
    return _ESCAPED_BREAK.sub(lambda match: r"\n" if match[1] else "\n", text)


def _items(value: str | float | bool | tuple[str, ...], *, with_commas: bool) -> tuple[str, ...]:
    """Return the values of a list, of a text that is a JSON array or, in some columns, of one with commas."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, str):
        return ()
    if value.lstrip().startswith("["):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return ()
        return tuple(one if isinstance(one, str) else json.dumps(one) for one in parsed)
    items = tuple(filter(None, map(str.strip, value.split(", "))))
    return items if with_commas and len(items) > 1 else ()


def _is_zero(price: str) -> bool:
    return {digit for digit in price if digit.isdigit()} == {"0"}


def _is_running(period: list[str], context: ReadingContext) -> bool:
    """Say whether a sale price applies now: `period` has its start and its end, or both as `start/end`."""
    bounds = period[0].split("/") if len(period) == 1 else period
    start, end = ([*map(str.strip, bounds), "", ""])[:2]
    after_start, before_end = (_compared(bound, context) for bound in (start, end))
    return after_start >= 0 and before_end <= 0


def _compared(bound: str, context: ReadingContext) -> int:
    """Return 1 if a time has passed, -1 if it is to come, 0 if there is none or it cannot be read."""
    try:
        read = parse_date(bound, now=_LATEST, day_first=context.day_first)
    except DateError:
        return 0
    if read is None:
        return 0
    return 1 if read.at <= context.now else -1
