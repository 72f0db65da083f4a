"""Items for sale with known values, and the ways in which feeds write each value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOS = ("p1.jpg", "p2.jpg", "p3.jpg", "stuhl-grün.jpg", "椅子.jpg", "my photo.jpg")

_TITLES = (
    "Oak desk",
    "Rug, red",
    'Sofa "Karl"',
    "Größe 42 Stiefel",
    "日本の椅子",
    "Дубовый стол",
    "Table; round",
    "R&D kit 5 < 6",
    "12,00 stamps",
    "Lamp | brass",
    "100 % wool\tblanket",
)
_DESCRIPTIONS = (
    "",
    "As new",
    "Warm, soft and red",
    "Two lines\nwith a break, and a comma",
    'He said "no", twice',
    "price was 1,299.00; now less",
    "€5 fee; £10, or 12.50",
    "Ærø\n\nnext paragraph",
    "a;b;c,d,e\tf",
)
_CATEGORIES = (("Home & Garden", "Lamps"), ("Home & Garden",), ("Möbel", "Stühle", "Holz"), ("Audio/Video",))
_LOCATIONS = ("", "Leeds", "Delph, Manchester", "München")


_DATES = st.integers(1_000_000_000, 1_780_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@dataclass(frozen=True, slots=True)
class Item:
    """An item as its seller knows it. `photos` are names in the photo folder."""

    id: str
    title: str
    description: str
    category_path: tuple[str, ...]
    amount: Decimal | None
    currency: str | None
    location: str
    listed_at: datetime | None
    photos: tuple[str, ...]
    brand: str = ""


@st.composite
def items(draw: st.DrawFn, number: int) -> Item:
    """Draw the item of this number in a feed."""
    amount = draw(st.none() | st.decimals(Decimal(0), Decimal("99999.99"), places=2))
    return Item(
        id=f"{number:03}",
        title=draw(st.sampled_from(_TITLES)),
        description=draw(st.sampled_from(_DESCRIPTIONS)),
        category_path=draw(st.sampled_from(_CATEGORIES)),
        amount=amount,
        currency=None if amount is None else draw(st.sampled_from(("GBP", "EUR", "USD", "PLN", "CHF"))),
        location=draw(st.sampled_from(_LOCATIONS)),
        listed_at=draw(st.none() | _DATES),
        photos=tuple(draw(st.lists(st.sampled_from(PHOTOS), max_size=3, unique=True))),
        brand=draw(st.sampled_from(("", "Acme", "Hülsta", "B&Q"))),
    )


def _grouped(amount: Decimal, group: str, point: str) -> str:
    return f"{amount:,.2f}".translate(str.maketrans({",": group, ".": point}))


_APOSTROPHE, _NARROW_BLANK, _FIRM_BLANK = "\u2019", "\u202f", "\u00a0"

_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$", "PLN": "zł", "CHF": "CHF"}

PRICE_NOTATIONS: tuple[Callable[[Decimal, str], str], ...] = (
    lambda amount, currency: f"{_SIGNS[currency]}{amount:.2f}" if currency != "PLN" else f"{amount:.2f} zł",
    lambda amount, currency: f"{_SIGNS[currency]} {_grouped(amount, ',', '.')}",
    lambda amount, currency: f"{_grouped(amount, '.', ',')} {currency}",
    lambda amount, currency: f"{currency} {_grouped(amount, _APOSTROPHE, '.')}",
    lambda amount, currency: f"{_grouped(amount, _NARROW_BLANK, ',')} {_SIGNS[currency]}",
    lambda amount, currency: f"{_grouped(amount, _FIRM_BLANK, ',')}{_FIRM_BLANK}{currency}",
    lambda amount, currency: f"{amount:.2f}{currency}",
    lambda amount, currency: f"{currency}{_grouped(amount, ',', '.')} ono",
    lambda amount, currency: f"{_grouped(amount, '.', ',')} {_SIGNS[currency]} VB",
)
"""Each writes an amount and its currency without loss."""

DATE_NOTATIONS: tuple[Callable[[datetime], str], ...] = (
    lambda at: at.isoformat(),
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S UTC"),
    lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.000000000"),
    lambda at: str(int(at.timestamp())),
    lambda at: str(int(at.timestamp() * 1000)),
    lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    lambda at: at.strftime("%Y/%m/%d %H:%M:%S"),
    lambda at: at.strftime("%d.%m.%Y %H:%M:%S"),
    lambda at: at.strftime("%d %b %Y %H:%M:%S"),
)
"""Each writes a date with seconds without loss."""

CATEGORY_NOTATIONS: tuple[Callable[[tuple[str, ...]], str], ...] = (" / ".join, " > ".join, ">".join, "|".join)

PHOTO_NOTATIONS: tuple[Callable[[tuple[str, ...]], str], ...] = (
    "|".join,
    " | ".join,
    lambda names: str(list(names)),
    lambda names: "[" + ", ".join(f'"{name}"' for name in names) + "]",
)
