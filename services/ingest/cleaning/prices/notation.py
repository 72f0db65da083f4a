"""Learns from all prices of a file whether a comma or a point begins the decimals."""

from __future__ import annotations

import re

from services.ingest.cleaning.prices.amounts import NUMBER
from services.ingest.cleaning.repairs import Repair
from services.reason_codes import ListingFlag

_NUMBER = re.compile(NUMBER)
_LENGTH_LIMIT = 100
_OPEN = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_PROOFS = {
    mark: re.compile(
        rf"(?:\d+|[1-9]\d{{0,2}}(?:[' {group}]\d{{3}})+)[{mark}]\d{{1,2}}|0+[{mark}]\d+"
        rf"|\d{{4,}}[{mark}]\d+|\d+[{mark}]\d{{4,}}"
        rf"|[1-9]\d{{0,2}}(?:[{group}]\d{{3}}){{2,}}|[1-9]\d{{0,2}}(?:[{group}]\d{{3}})+[{mark}]\d+"
        rf"|[1-9]\d?(?:[{group}]\d\d)+[{group}]\d{{3}}(?:[{mark}]\d+)?"
    )
    for mark, group in ((",", "."), (".", ","))
}
"""Numbers that are amounts only if this is the decimal mark: `12,50`, `1.299,00`, `0,990`, `1.299.000`."""


class PriceNotation:
    """Reads the price texts of one file, and says which mark begins their decimals.

    `12,50` and `1.299,00` prove the comma, `12.50` and `1,299.00` the point; `1.299` alone proves nothing and is read
    in the proven notation.
    """

    def __init__(self) -> None:
        self._proven: set[str] = set()
        self._open: dict[str, str] = {}  # the first open price by its mark
        self._has_small = self._has_large = False  # whole numbers below 1,000, and others, without a mark

    def add(self, text: str) -> None:
        """Learn from one price; texts without digits teach nothing."""
        for number in _NUMBER.findall(text[:_LENGTH_LIMIT].replace("\u00a0", " ").replace("’", "'")):
            if match := _OPEN.fullmatch(number):
                self._open.setdefault(match[1], text.strip())
            elif number.isdecimal():
                self._has_small |= len(number) <= 3
                self._has_large |= len(number) > 3
            else:
                self._proven.update(mark for mark, proof in _PROOFS.items() if proof.fullmatch(number))

    @property
    def is_open(self) -> bool:
        """Whether a price can be read in two ways."""
        return bool(self._open)

    @property
    def decimal_mark(self) -> str:
        """The mark that the file proves, `,` or `.`; empty if nothing or both are proven."""
        return next(iter(self._proven)) if len(self._proven) == 1 else ""

    @property
    def group_mark(self) -> str:
        """The mark that probably groups thousands, as in `1.299`, `2.499`, `899`; empty if one is proven or none is."""
        is_likely = not self._proven and len(self._open) == 1 and self._has_small and not self._has_large
        return next(iter(self._open)) if is_likely else ""

    def repairs(self) -> tuple[Repair, ...]:
        """Return the notice about the file: a price that is open by itself, and how such prices are read."""
        if not self._open or not (self.decimal_mark or self.group_mark):
            return ()
        mark = self.decimal_mark or {",": ".", ".": ","}[self.group_mark]
        notation = "decimal comma" if mark == "," else "decimal point"
        return (Repair(ListingFlag.PRICE_NOTATION, "price", next(iter(self._open.values())), notation),)
