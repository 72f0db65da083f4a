"""Finds out whether any price of a file has a currency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from decimal import Decimal


class Currencies:
    """Which prices of a file have a currency. Add the price of every row."""

    def __init__(self) -> None:
        self._prices = 0
        self._has_currency = False

    def add(self, price: Decimal | None, currency: str | None) -> None:
        """Add a row's price; one that is zero needs no currency."""
        self._prices += bool(price)
        self._has_currency |= currency is not None

    @property
    def notices(self) -> tuple[Repair, ...]:
        """The notice that no price has a currency, if there are prices and none has one."""
        if self._has_currency or not self._prices:
            return ()
        after = 'set default_currency = "EUR" or another'
        return (Repair(ListingFlag.NO_CURRENCY, "currency", f"{self._prices} prices", after),)
