"""Reads prices as people and programs write them, as an exact amount and an ISO 4217 currency. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from services.reason_codes import RejectReason

PRICE_LIMIT = Decimal(10) ** 13
"""Prices must be below this, so that hundredths fit easily into a 64-bit column."""

ABSURD_PRICE = Decimal(1_000_000)
"""Prices from here on are flagged: among the real listings only placeholders such as 1,234,567 reach it."""

_HUNDREDTH = Decimal("0.01")

_CURRENCIES = {
    "£": "GBP", "€": "EUR", "$": "USD", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₪": "ILS", "₺": "TRY",
    "₴": "UAH", "₫": "VND", "₱": "PHP", "₦": "NGN", "zł": "PLN", "kč": "CZK", "us$": "USD", "a$": "AUD", "au$": "AUD",
    "c$": "CAD", "ca$": "CAD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "r$": "BRL", "kr": None, "rs": None,
}  # fmt: skip
"""Currency signs, case-folded. A bare `$` counts as the US dollar; `kr` and `Rs` are used by several countries."""

_CODES = frozenset(
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW MAD MXN MYR NGN "
    "NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR".casefold().split()
)

_NO_PRICE = frozenset({"", "-", "–", "—", "n/a", "na", "nan", "none", "null", "poa"})
_FREE = frozenset({"free", "free!", "gratis"})

_SIGN = r"(?P<{}>[^\W\d_]{{0,3}}[$£€¥₹₽₩₪₺₴₫₱₦]|[^\W\d_]{{2,3}}\.?)?"
_PRICE = re.compile(
    rf"(?P<minus>-)?\s*{_SIGN.format('before')}\s*(?P<minus2>-)?\s*(?P<number>[0-9][0-9.,' ]*(?:e[+-]?[0-9]{{1,3}})?)"
    rf"(?P<thousand>k)?\s*{_SIGN.format('after')}"
)

_OR_NEAR_OFFER = re.compile(r"(?<=[\dk$£€.\s])\s*(?:ono|o\.n\.o\.?)$")

_COMMA_GROUPS = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")  # 10,000.00, also Indian 10,00,000
_DOT_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")  # 1.234,50
_OTHER_GROUPS = re.compile(r"\d{1,3}(?:[' ]\d{3})+(?:[.,]\d{1,2})?")  # 1'234.50, 1 234,50
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
_PLAIN = re.compile(r"\d+(?:\.\d*)?(?:e[+-]?\d{1,3})?")
_ONE_DOT_GROUP = re.compile(r"[1-9]\d{0,2}\.\d{3}")


class PriceError(ValueError):
    """A price is not accepted; `reason` is the reason code of the reject."""

    def __init__(self, reason: RejectReason) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Price:
    """A price read from text.

    Attributes:
        amount: two decimals, rounded half up; None when the text has no price.
        currency: ISO 4217 code; None without a currency, or when several countries use its sign.
    """

    amount: Decimal | None
    currency: str | None = None


def parse_price(text: str) -> Price:
    """Read a price: `£10,000.00`, `US$ 5`, `1.234,50 €`, `£1.5k`, `£20 ono`, `12.5` or `Free`. Blank means no price.

    A dot before exactly three digits is a decimal point in a bare number (a program wrote it: `12.345`) and groups
    thousands beside a currency (a person wrote it: `1.234 €`). A comma before three digits always groups thousands.

    Raises:
        PriceError: `unreadable_price`, `negative_price` or `price_too_large`.
    """
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").casefold().strip()
    text = _OR_NEAR_OFFER.sub("", text)
    if text in _NO_PRICE:
        return Price(None)
    if text in _FREE:
        return Price(Decimal("0.00"))
    match = _PRICE.fullmatch(text)
    if match is None or (match["before"] and match["after"]):
        raise PriceError(RejectReason.UNREADABLE_PRICE)
    sign = match["before"] or match["after"]
    currency = _currency(sign)
    amount = _amount(match["number"].strip(), has_sign=sign is not None) * (1000 if match["thousand"] else 1)
    return Price(_in_range(amount, negative=bool(match["minus"] or match["minus2"])), currency)


def is_absurd(amount: Decimal) -> bool:
    """Say whether a price is a million or more, or has five or more digits that are all equal or count up from 1."""
    digits = str(int(amount))
    placeholder = len(digits) >= 5 and (len(set(digits)) == 1 or "1234567890".startswith(digits))
    return amount >= ABSURD_PRICE or placeholder


def _currency(sign: str | None) -> str | None:
    if sign is None:
        return None
    sign = sign.removesuffix(".")
    if sign in _CODES:
        return sign.upper()
    if sign not in _CURRENCIES:
        raise PriceError(RejectReason.UNREADABLE_PRICE)
    return _CURRENCIES[sign]


def _amount(number: str, *, has_sign: bool) -> Decimal:
    if _PLAIN.fullmatch(number) and not (has_sign and _ONE_DOT_GROUP.fullmatch(number)):
        return Decimal(number)
    if _COMMA_GROUPS.fullmatch(number):
        return Decimal(number.replace(",", ""))
    if _DOT_GROUPS.fullmatch(number):
        return Decimal(number.replace(".", "").replace(",", "."))
    if _OTHER_GROUPS.fullmatch(number) or _DECIMAL_COMMA.fullmatch(number):
        return Decimal(number.replace("'", "").replace(" ", "").replace(",", "."))
    raise PriceError(RejectReason.UNREADABLE_PRICE)


def _in_range(amount: Decimal, *, negative: bool) -> Decimal:
    if amount >= PRICE_LIMIT:
        raise PriceError(RejectReason.PRICE_TOO_LARGE)
    rounded = amount.quantize(_HUNDREDTH, ROUND_HALF_UP)
    if negative and rounded:
        raise PriceError(RejectReason.NEGATIVE_PRICE)
    if rounded >= PRICE_LIMIT:
        raise PriceError(RejectReason.PRICE_TOO_LARGE)
    return rounded
