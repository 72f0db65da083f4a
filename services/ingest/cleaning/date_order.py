"""Learns from all dates of a file whether the day or the month comes first. Pure."""

from __future__ import annotations

from services.ingest.cleaning.dates import NUMERIC, SHORT_NUMERIC
from services.ingest.cleaning.repairs import Repair
from services.reason_codes import ListingFlag


class DateOrder:
    """Reads the date texts of one file, and says in which order they have day and month.

    `31/01/2024` proves that the day is first, `01/31/2024` that the month is; `03/04/2024` proves nothing and is read
    in the proven order.
    """

    def __init__(self) -> None:
        self._proven: dict[bool, set[bool]] = {False: set(), True: set()}  # day first, by whether the date has dots
        self._has_dots = False
        self._open = ""

    def add(self, text: str) -> None:
        """Learn from one date; texts of other notations teach nothing."""
        date = NUMERIC.match(text := text.strip()) or SHORT_NUMERIC.match(text)
        if date is None:
            return
        has_dots = date["separator"].startswith(".")
        first, second = int(date["a"]), int(date["b"])
        self._has_dots |= has_dots
        if first > 12 >= second or second > 12 >= first:
            self._proven[has_dots].add(first > 12)
        elif first != second and not self._open and not has_dots:
            self._open = date.group()

    @property
    def day_first(self) -> bool | None:
        """The order that the file proves; None if nothing or both are proven.

        Dates with dots have the day first unless the file proves the contrary. They say nothing about `03/04/2024`, but
        a file that has both must agree on one order.
        """
        dots_have_month_first = self._proven[True] == {False}
        orders = self._proven[False] | ({False} if dots_have_month_first else set())
        if len(orders) != 1 or (orders == {False} and self._has_dots and not dots_have_month_first):
            return None
        return orders == {True}

    def repairs(self) -> tuple[Repair, ...]:
        """Return the notice about the file: an ambiguous date, and the order in which it is read."""
        if not self._open or self.day_first is None:
            return ()
        order = "day first" if self.day_first else "month first"
        return (Repair(ListingFlag.DATE_ORDER, "listed_at", self._open, order),)
