"""Reads dates as people and programs write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from services.ingest.cleaning.date_words import ZONES, months, weekdays
from services.reason_codes import ListingFlag

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Before this there were no online listings: older dates are placeholders, such as 1970-01-01 or 1900-01-01."""

FUTURE_TOLERANCE = timedelta(days=1)
"""Accepted lead of a date over now: without a time zone a date may be 14 hours off, and clocks differ."""

NUMERIC = re.compile(r"(?P<a>\d{1,2})(?P<separator>[-/]|\.\s?)(?P<b>\d{1,2})(?P=separator)(?P<year>\d{4})", re.ASCII)
"""A date of two small numbers, one of which is the day, and the year."""

_NO_DATE = frozenset({"", "-", "–", "—", "n/a", "na", "nan", "nat", "none", "null", r"\n"})

SHORT_NUMERIC = re.compile(
    r"(?P<a>\d{1,2})(?P<separator>/|\.\s?)(?P<b>\d{1,2})(?P=separator)(?P<year>\d\d)(?!\d)", re.ASCII
)
"""The same with two digits of the year. With hyphens the year may come first: `24-01-31`."""

_JSON_DATE = re.compile(r"\\?/date\((?P<milliseconds>\d{1,14})(?:[+-]\d{4})?\)\\?/", re.ASCII)

_ISO = re.compile(r"\d{4}-?(?:\d\d-?\d\d|w\d\d-?\d)(?:[t ].+)?")
_WEEKDAY = r"(?:(?!den\s)(?P<weekday>[^\W\d_]{2,14}(?:-feira)?)\.?,?\s)?(?:den\s)?"
_MONTH = r"(?P<name>[^\W\d_]{3,14})\.?"
_OFFSET = (
    r"(?:utc|gmt|ut)?\s?(?P<sign>[+-])(?P<zone_hour>\d{1,2}):?(?P<zone_minute>\d\d)?"
    r"(?:\s[a-z]{3,5}|\[[^\[\]]*\])?"  # its name after it: +0100 CET, +01:00[Europe/Paris]
)
_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,12}))?)?(?:\s?(?P<half>[ap])\.?m\.?)?"
    rf"(?:\s?(?:{_OFFSET}|z|utc|gmt|ut|(?P<zone>{'|'.join(ZONES)})))?(?:\s\([^()]*\))?"
)
_DATES = (
    r"(?P<year>\d{4})(?P<separator>[-/]|\.\s?)(?P<month>\d{1,2})(?P=separator)(?P<day>\d{1,2})\.?",
    r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日",
    NUMERIC.pattern,
    rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[-\s/](?:(?:of|de)\s)?{_MONTH}(?:[-\s/]|,\s)(?:de\s)?(?P<year>\d{{4}}|\d\d)(?:\s(?:г|р)\.?)?",
    rf"{_WEEKDAY}{_MONTH}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<year>\d{{4}}|\d\d(?=$|,\s))",
    rf"(?P<year>\d{{4}})\.\s?{_MONTH}\s(?P<day>\d{{1,2}})\.?(?:,?\s(?P<weekday>[^\W\d_]{{2,14}}))?",  # 2004. május 4.
    rf"(?P<day>\d{{1,2}})\s{_MONTH}\s(?P<year>\d{{4}})\s(?P<weekday>[^\W\d_]{{2,14}})",  # 4 Mayıs 2004 Salı
    SHORT_NUMERIC.pattern,
)
_NOTATIONS = (
    *(re.compile(rf"{date}(?:(?:t|,?\s|,?\sat\s){_TIME})?") for date in _DATES),
    re.compile(rf"{_WEEKDAY}{_MONTH}\s(?P<day>\d{{1,2}})\s{_TIME}\s(?P<year>\d{{4}})"),  # Wed Jan 31 09:30:00 UTC 2024
)
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:e(?P<plus>\+)?\d{1,2})?", re.ASCII)
_UNIX_UNITS = (1, 10**3, 10**6, 10**9)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPREADSHEET_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_LENGTH_LIMIT = 100
"""Characters; longer texts are no date."""

_COARSEST = 3600
"""Seconds that a rounded Unix time may be off; a coarser one is refused."""


class DateError(ValueError):
    """A date cannot be read or is implausible; `flag` is the code of the listing flag."""

    def __init__(self, text: str, flag: ListingFlag = ListingFlag.UNREADABLE_DATE) -> None:
        self.flag = flag
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class ReadDate:
    """A date read from text: a time in UTC, and the flag of what was guessed."""

    at: datetime
    flag: ListingFlag | None = None


def parse_date(text: str, *, now: datetime, day_first: bool | None = None) -> ReadDate | None:
    """Read a listing date; None when `text` is blank or says that there is none.

    Accepts ISO 8601, dates with a month's name (`Wed, 31 Jan 2024 09:30:00 GMT`, `Jan 31, 2024`), dates of numbers
    (`2024/1/31`, `31/01/2024`, `31.01.2024`) and Unix times in seconds to nanoseconds. Without a zone it is UTC.
    A spreadsheet's day number (`45322`), a Unix time with few digits (`1.706693e+09`) and a year of two digits
    (`31-Jan-24`; 70 to 99 are in the last century) are flagged as guesses.

    Args:
        text: the date as it stands in the feed.
        now: the current time.
        day_first: the order of day and month where both readings are dates: `03/04/2024`. With dots the day is first,
            as in every locale of CLDR, unless this is False.

    Raises:
        DateError: the text is none of these, leaves day and month open, is before 1990, or more than a day after `now`.
    """
    text = " ".join(text.split())
    if len(text) > _LENGTH_LIMIT:
        raise DateError(text)
    folded = text.casefold()
    if folded in _NO_DATE:
        return None
    try:
        if match := _JSON_DATE.fullmatch(folded):
            folded = match["milliseconds"]
        read = _numeric_time(folded, now) if _NUMBER.fullmatch(folded) else _written(text, day_first)
        if not EARLIEST <= read.at <= now + FUTURE_TOLERANCE:
            raise DateError(text)
        return ReadDate(read.at.astimezone(UTC), read.flag)
    except DateError:
        raise
    except (ValueError, OverflowError, ArithmeticError) as error:
        raise DateError(text) from error


def _numeric_time(text: str, now: datetime) -> ReadDate:
    """Read a Unix time, a spreadsheet's day number or a date without separators."""
    if text.isdecimal() and len(text) in (8, 12, 14):
        compact = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}[len(text)]
        if text[:2] in ("19", "20"):
            return ReadDate(datetime.strptime(text, compact).replace(tzinfo=UTC))
    number = Decimal(text)
    if len(str(int(number))) == 5:
        return ReadDate(_SPREADSHEET_EPOCH + timedelta(days=float(number)), ListingFlag.GUESSED_DATE)
    for unit in _UNIX_UNITS:
        if number >= EARLIEST.timestamp() * unit and number <= int((now + FUTURE_TOLERANCE).timestamp() + 1) * unit:
            at = _UNIX_EPOCH + timedelta(microseconds=int(number * 10**6 / unit))
            return ReadDate(at, _rounded(number, unit) if "e+" in text else None)
    raise DateError(text)


def _rounded(number: Decimal, unit: int) -> ListingFlag | None:
    """Return the flag of a time that `%e` or a spreadsheet rounded to a few digits."""
    exponent = number.as_tuple().exponent
    seconds_off = 10 ** Decimal(exponent) / unit / 2 if isinstance(exponent, int) else Decimal("inf")
    if seconds_off > _COARSEST:
        raise DateError(str(number))
    return ListingFlag.GUESSED_DATE if seconds_off >= 1 else None


def _written(text: str, day_first: bool | None) -> ReadDate:
    folded = text.casefold()
    if not all(letter.isascii() for letter in text if letter.isdecimal()):
        raise DateError(text)
    match = next(filter(None, (notation.fullmatch(folded) for notation in _NOTATIONS)), None)
    if match is None:
        if not _ISO.fullmatch(folded):
            raise DateError(text)
        date = datetime.fromisoformat(text)
        return ReadDate(date if date.tzinfo else date.replace(tzinfo=UTC))
    parts = match.groupdict()
    month, day = _month_and_day(parts, day_first, text)
    year = int(parts["year"])
    is_short = len(parts["year"]) == 2
    date = datetime(year + (1900 if year >= 70 else 2000) if is_short else year, month, day, tzinfo=UTC)
    if parts.get("weekday") and date.weekday() not in weekdays().get(parts["weekday"], ()):
        raise DateError(text)
    at = date if parts["hour"] is None else _with_time(date, parts)
    return ReadDate(at, ListingFlag.GUESSED_DATE if is_short else None)


def _month_and_day(parts: dict[str, str | None], day_first: bool | None, text: str) -> tuple[int, int]:
    if parts.get("name"):
        return months()[str(parts["name"])] if parts["name"] in months() else 0, int(str(parts["day"]))
    if parts.get("month"):
        return int(str(parts["month"])), int(str(parts["day"]))
    a, b = int(str(parts["a"])), int(str(parts["b"]))
    if day_first is None and len(str(parts["year"])) == 2:
        raise DateError(text, ListingFlag.AMBIGUOUS_DATE)  # 24/01/15 may begin with the year
    if a > 12 or b > 12 or a == b:
        return (b, a) if a > 12 else (a, b)
    if day_first is None and not str(parts["separator"]).startswith("."):
        raise DateError(text, ListingFlag.AMBIGUOUS_DATE)
    return (a, b) if day_first is False else (b, a)


def _with_time(date: datetime, parts: dict[str, str | None]) -> datetime:
    hour = int(parts["hour"] or 0)
    if parts["half"]:
        if not 1 <= hour <= 12:
            raise DateError(parts["hour"] or "")
        hour = hour % 12 + (12 if parts["half"] == "p" else 0)
    offset = timedelta(hours=ZONES.get(parts["zone"] or "", 0))
    if parts["sign"]:
        offset = timedelta(hours=int(parts["zone_hour"] or 0), minutes=int(parts["zone_minute"] or 0))
        offset = -offset if parts["sign"] == "-" else offset
    return date.replace(
        hour=hour,
        minute=int(parts["minute"] or 0),
        second=int(parts["second"] or 0),
        microsecond=int((parts["fraction"] or "")[:6].ljust(6, "0")),
        tzinfo=timezone(offset),
    )
