"""The column layout of a delimited file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """The delimiter and columns of a delimited file.

    Attributes:
        header: the column names; an empty first name marks a column of row numbers.
        id_at, text_at, price_at: positions of the record's id, its free text and its price; None without such a
            column. Without an id or a free text column no record is repaired.
    """

    delimiter: str
    header: tuple[str, ...]
    id_at: int | None = None
    text_at: int | None = None
    price_at: int | None = None

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.header)

    @property
    def ends_with_price(self) -> bool:
        """Whether a price column follows the free text, so that the end of a record can be recognised."""
        return self.price_at is not None and self.text_at is not None and self.price_at > self.text_at
