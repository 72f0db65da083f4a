"""Reads dates as people and programs write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Before this there were no online listings: older dates are placeholders, such as 1970-01-01 or 1900-01-01."""

FUTURE_TOLERANCE = timedelta(days=1)
"""Accepted lead of a date over now: without a time zone a date may be 14 hours off, and clocks differ."""

_UNIX_SECONDS = re.compile(r"[0-9]{9,}(?:\.[0-9]*)?")  # 9 digits since 1973; 8 digits are an ISO date, 20240131


class DateError(ValueError):
    """A date cannot be read or is implausible."""


def parse_date(text: str, *, now: datetime) -> datetime | None:
    """Return a listing date in UTC; None when `text` is blank.

    Accepts ISO 8601 dates, with a time or without (`2024-01-31`, `2024-01-31T09:30:00+01:00`; UTC if no zone is
    given), and seconds since 1970 (`1706693400`).

    Raises:
        DateError: the text is none of these, or the date is before 1990 or more than a day after `now`.
    """
    text = text.strip()
    if not text:
        return None
    try:
        date = _from_seconds(float(text)) if _UNIX_SECONDS.fullmatch(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise DateError(text) from error
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    if not EARLIEST <= date <= now + FUTURE_TOLERANCE:
        raise DateError(text)
    return date.astimezone(UTC)


def _from_seconds(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
