"""Dates as people and programs write them, to a time in UTC. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Nothing was listed on the web before: what is older is a placeholder, such as 1970-01-01 or 1900-01-01."""

AHEAD = timedelta(days=1)
"""So far may a date lie in the future: a date without a zone is up to 14 hours off, and clocks differ."""

_UNIX_SECONDS = re.compile(r"[0-9]{9,}(?:\.[0-9]*)?")  # 9 digits since 1973; with 8 it is an ISO date, 20240131


class DateError(ValueError):
    """A date that cannot be read, or cannot be when something was listed."""


def parse_date(text: str, *, now: datetime) -> datetime | None:
    """Read when something was listed; blank is unknown.

    An ISO 8601 date or date with a time (`2024-01-31`, `2024-01-31T09:30:00+01:00`; without a zone it is in UTC), or
    seconds since 1970 (`1706693400`).

    Raises:
        DateError: it is none of these, before 1990, or more than a day after `now`.
    """
    written = text.strip()
    if not written:
        return None
    try:
        date = _from_seconds(float(written)) if _UNIX_SECONDS.fullmatch(written) else datetime.fromisoformat(written)
    except (ValueError, OverflowError) as error:
        raise DateError(written) from error
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    if not EARLIEST <= date <= now + AHEAD:
        raise DateError(written)
    return date.astimezone(UTC)


def _from_seconds(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
