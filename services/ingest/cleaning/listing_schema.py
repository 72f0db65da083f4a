"""The pandera schema of a clean listing, checked before listings reach the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd
import pandera.pandas as pa

from db.rows.records import ListingRecord
from services.ingest.cleaning.attributes import are_clean_attributes
from services.ingest.cleaning.categories import MAX_LEVELS, MAX_PATHS
from services.ingest.cleaning.links import is_usable_url
from services.ingest.cleaning.prices import PRICE_LIMIT
from services.reason_codes import RejectReason
from services.wire.listings import ID_LIMIT, SELLER_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CATEGORY_LIMIT = 200

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # controls but LF, lone surrogates


def _each(reason: RejectReason, holds: Callable[[object], bool]) -> pa.Check:
    """Return a check of single values, named after the reason code of a value that fails it."""
    return pa.Check(holds, element_wise=True, name=reason, ignore_na=False)


def _text(*checks: pa.Check) -> pa.Column:
    return pa.Column(object, [_each(RejectReason.NOT_TEXT, _is_text), *checks])


def _line(*checks: pa.Check) -> pa.Column:
    return _text(*checks, _each(RejectReason.NOT_ONE_LINE, _is_one_line))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not _UNSTORABLE.search(value)


def _is_one_line(value: object) -> bool:
    return isinstance(value, str) and value == " ".join(value.split())


def _is_category_path(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and 0 < len(value) <= MAX_LEVELS
        and all(_is_text(level) and 0 < len(level) <= CATEGORY_LIMIT for level in value)
    )


def _is_price(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    return 0 <= value < PRICE_LIMIT and value == round(value, 2)


def _is_currency(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper())


def _is_utc_time(value: object) -> bool:
    return value is None or (isinstance(value, datetime) and value.utcoffset() == timedelta(0))


def _are_flags(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(flag, str) and flag.isidentifier() for flag in value)


def _is_link(value: object) -> bool:
    return isinstance(value, str) and (not value or is_usable_url(value))


def _are_attributes(value: object) -> bool:
    return isinstance(value, Mapping) and are_clean_attributes(value)


def _are_category_paths(value: object) -> bool:
    return isinstance(value, tuple) and len(value) < MAX_PATHS and all(map(_is_category_path, value))


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _at_most(limit: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and len(value) <= limit


CLEAN_LISTINGS = pa.DataFrameSchema(
    {
        "listing_id": _line(_each(RejectReason.MISSING_ID, bool), _each(RejectReason.ID_TOO_LONG, _at_most(ID_LIMIT))),
        "title": _line(_each(RejectReason.MISSING_TITLE, bool)),
        "description": _text(),
        "category": _text(
            _each(RejectReason.MISSING_CATEGORY, bool),
            _each(RejectReason.CATEGORY_TOO_LONG, _at_most(CATEGORY_LIMIT)),
        ),
        "category_path": pa.Column(object, _each(RejectReason.BAD_CATEGORY_PATH, _is_category_path)),
        "price": pa.Column(object, _each(RejectReason.BAD_PRICE, _is_price), nullable=True),
        "currency": pa.Column(object, _each(RejectReason.BAD_CURRENCY, _is_currency), nullable=True),
        "location": _line(),
        "region": _line(),
        "seller": _line(_each(RejectReason.SELLER_TOO_LONG, _at_most(SELLER_LIMIT))),
        "listed_at": pa.Column(object, _each(RejectReason.BAD_TIME, _is_utc_time), nullable=True),
        "flags": pa.Column(object, _each(RejectReason.BAD_FLAGS, _are_flags)),
        "url": _line(_each(RejectReason.BAD_LINK, _is_link)),
        "attributes": pa.Column(object, _each(RejectReason.BAD_ATTRIBUTES, _are_attributes)),
        "other_categories": pa.Column(object, _each(RejectReason.BAD_CATEGORY_PATH, _are_category_paths)),
        "sold": pa.Column(object, _each(RejectReason.BAD_SOLD, _is_bool)),
    },
    checks=[
        pa.Check(
            lambda frame: frame["price"].notna() | frame["currency"].isna(), name=RejectReason.CURRENCY_WITHOUT_PRICE
        ),
        pa.Check(
            lambda frame: frame["category"] == [path[0] if path else "" for path in frame["category_path"]],
            name=RejectReason.CATEGORY_NOT_FIRST_LEVEL,
        ),
    ],
    strict=True,
)
"""Schema of a frame of ListingRecords: one column of dtype object for each field."""


def _frame(records: Sequence[ListingRecord]) -> pd.DataFrame:
    names = [field.name for field in fields(ListingRecord)]
    columns = {name: [_reportable(getattr(each, name)) for each in records] for name in names}
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def _reportable(value: object) -> object:
    """Replace lone surrogates by NUL: also unclean, but pandera's failure report cannot hold surrogates."""
    return _SURROGATE.sub("\0", value) if isinstance(value, str) else value


def violations(records: Sequence[ListingRecord]) -> dict[int, tuple[str, RejectReason]]:
    """Return the first violation of each unclean record, by its position in `records`.

    A violation is the field at fault (empty when it concerns several fields) and the reason code.
    """
    try:
        CLEAN_LISTINGS.validate(_frame(records), lazy=True)
    except pa.errors.SchemaErrors as errors:
        first = dict[int, tuple[str, RejectReason]]()
        is_column_failure = errors.failure_cases["schema_context"] == "Column"
        for failure in errors.failure_cases[is_column_failure].itertuples():
            first.setdefault(int(failure.index), (str(failure.column), RejectReason(failure.check)))
        for failure in errors.failure_cases[~is_column_failure].itertuples():
            first.setdefault(int(failure.index), ("", RejectReason(failure.check)))
        return first
    return {}
