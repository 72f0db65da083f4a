"""What a clean listing is, stated as a pandera schema: the gate before the database."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd
import pandera.pandas as pa

from db.rows.records import ListingRecord
from services.ingest.cleaning.prices import PRICE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ID_LIMIT = 200
CATEGORY_LIMIT = 200
SELLER_LIMIT = 200

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # controls but LF, lone surrogates


def _each(reason: str, holds: Callable[[object], bool]) -> pa.Check:
    """Return a check of single values; its name is the reason code of a reject."""
    return pa.Check(holds, element_wise=True, name=reason, ignore_na=False)


def _text(*checks: pa.Check) -> pa.Column:
    return pa.Column(object, [_each("not_text", _is_text), *checks])


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not _UNSTORABLE.search(value)


def _is_one_line(value: object) -> bool:
    return isinstance(value, str) and value == " ".join(value.split())


def _is_path(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(_is_text(level) and level for level in value)


def _is_price(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    return 0 <= value < PRICE_LIMIT and value == round(value, 2)


def _is_currency(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper())


def _is_time(value: object) -> bool:
    return value is None or (isinstance(value, datetime) and value.utcoffset() == timedelta(0))


def _is_flags(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(flag, str) and flag.isidentifier() for flag in value)


def _at_most(limit: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and len(value) <= limit


CLEAN_LISTINGS = pa.DataFrameSchema(
    {
        "listing_id": _text(
            _each("missing_id", bool), _each("id_too_long", _at_most(ID_LIMIT)), _each("not_one_line", _is_one_line)
        ),
        "title": _text(_each("missing_title", bool), _each("not_one_line", _is_one_line)),
        "description": _text(),
        "category": _text(_each("missing_category", bool), _each("category_too_long", _at_most(CATEGORY_LIMIT))),
        "category_path": pa.Column(object, _each("bad_category_path", _is_path)),
        "price": pa.Column(object, _each("bad_price", _is_price), nullable=True),
        "currency": pa.Column(object, _each("bad_currency", _is_currency), nullable=True),
        "location": _text(_each("not_one_line", _is_one_line)),
        "region": _text(_each("not_one_line", _is_one_line)),
        "seller": _text(_each("seller_too_long", _at_most(SELLER_LIMIT)), _each("not_one_line", _is_one_line)),
        "listed_at": pa.Column(object, _each("bad_time", _is_time), nullable=True),
        "flags": pa.Column(object, _each("bad_flags", _is_flags)),
    },
    checks=[
        pa.Check(lambda frame: frame["price"].notna() | frame["currency"].isna(), name="currency_without_price"),
        pa.Check(
            lambda frame: frame["category"] == [path[0] if path else "" for path in frame["category_path"]],
            name="category_not_first_level",
        ),
    ],
    strict=True,
)
"""A frame of ListingRecords, one column for each field, all of dtype object."""


def _frame(records: Sequence[ListingRecord]) -> pd.DataFrame:
    names = [field.name for field in fields(ListingRecord)]
    columns = {name: [_reportable(getattr(each, name)) for each in records] for name in names}
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def _reportable(value: object) -> object:
    """Put a NUL for lone surrogates: just as unclean, but pandera's report of what failed cannot hold surrogates."""
    return _SURROGATE.sub("\0", value) if isinstance(value, str) else value


def violations(records: Sequence[ListingRecord]) -> dict[int, tuple[str, str]]:
    """Return, by position, the field at fault (empty: several together) and the reason code of each unclean record."""
    try:
        CLEAN_LISTINGS.validate(_frame(records), lazy=True)
    except pa.errors.SchemaErrors as errors:
        found = dict[int, tuple[str, str]]()
        of_columns = errors.failure_cases["schema_context"] == "Column"
        for failure in errors.failure_cases[of_columns].itertuples():
            found.setdefault(int(failure.index), (str(failure.column), str(failure.check)))
        for failure in errors.failure_cases[~of_columns].itertuples():
            found.setdefault(int(failure.index), ("", str(failure.check)))
        return found
    return {}
