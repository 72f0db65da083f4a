"""Reads the text of a price: the words and signs around its digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import TYPE_CHECKING

from services.ingest.cleaning.prices.amounts import NUMBER, PRICE_LIMIT, AmountError, Writing, read_amount
from services.ingest.cleaning.prices.currencies import (
    SIGN_AFTER,
    SIGN_BEFORE,
    decimals_of,
    signs_in,
)
from services.ingest.cleaning.prices.normal_form import normalised
from services.ingest.cleaning.prices.words import (
    ABOUT,
    FREE,
    FROM,
    NO_PRICE,
    PER_MEASURE,
    PER_PIECE,
    QUALIFIER,
    SCALE,
    TO,
    scale_of,
)
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from services.ingest.cleaning.prices.currencies import Currency

ABSURD_PRICE = Decimal(1_000_000)
"""Prices from here on are flagged: among the real listings only placeholders such as 1,234,567 reach it."""

_HUNDREDTH = Decimal("0.01")

_ROUNDING_NOISE = Decimal("0.0001")
"""Programs write 19.99 as 19.989999999999998; rounding away less than this is no news."""

_NO_CENTS = r"\s?(?:[.,:/]\s?[-–—=]{1,3}|[-–—]{2})"  # 500,- 500:- 500/- 500,-- 500/= 500--
_NUMBER = re.compile(NUMBER)
_PREFIX = re.compile(
    rf"(?:{QUALIFIER})*(?P<open_end>{FROM})?(?P<about>{ABOUT})?(?:{QUALIFIER})*"
    rf"(?P<minus>[-–]\s?)?(?P<signs>{SIGN_BEFORE}*)(?P<minus2>[-–])?\s*"
)
_AFTER_NUMBER = rf"(?P<no_cents>{_NO_CENTS})?(?P<scale>{SCALE})?(?P<signs>{SIGN_AFTER}*)"
_SUFFIX = re.compile(
    rf"{_AFTER_NUMBER}(?P<hundredths>\s?(?:[p¢]|cents?(?![^\W\d_])))?(?P<open_end>\s?\+)?(?P<no_cents2>{_NO_CENTS})?"
    rf"(?:(?P<measure>{PER_MEASURE})|{PER_PIECE})?(?:{QUALIFIER})*[\s.!)\]]*"
)
_BETWEEN = re.compile(rf"{_AFTER_NUMBER}(?P<to>{TO})(?P<signs_before>{SIGN_BEFORE}*)\s*")

_WITH_CENTS = re.compile(r"[.,]\d\d$")
_WITH_COMMA = re.compile(r",\d{1,2}$|\.\d{3}(?!\d)")

_LENGTH_LIMIT = 100
"""Longer texts are no price."""


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
        flags: what was guessed or changed, such as `ListingFlag.PRICE_RANGE`.
    """

    amount: Decimal | None
    currency: str | None = None
    flags: tuple[ListingFlag, ...] = ()


def parse_price(text: str, *, currency: Currency | None = None, decimal_mark: str = "", group_mark: str = "") -> Price:
    """Read a price: `£10,000.00`, `AU $5`, `1.234,50 €`, `£1.5k`, `50 € VB`, `12.5` or `Free`. Blank means no price.

    A separator before exactly three digits is read as the other prices of the file prove. Without a proof it groups
    thousands beside a currency (a person wrote it: `1.234 €`). In a bare number a comma groups and a dot begins the
    decimals (a program wrote it: `12.345`), which is flagged. In currencies of three decimals (`KWD 1.250`) it begins
    them. Of a range (`£10 - £20`, `from £10`) the lower bound is read, and flagged. `$` beside a decimal comma is
    one of many pesos, and `¥` beside decimals may be the yuan: the currency is left out and flagged then.

    Args:
        text: the price as it stands in the feed.
        currency: what the feed says elsewhere about its currency. It decides what `$` or `kr` means; a currency that
            contradicts the text is flagged, and the text counts.
        decimal_mark: the mark that the file proves to begin decimals; see `PriceNotation`.
        group_mark: the mark that probably groups thousands in the file.

    Raises:
        PriceError: `unreadable_price`, `negative_price` or `price_too_large`.
    """
    try:
        return _read(text, currency, decimal_mark=decimal_mark, group_mark=group_mark)
    except AmountError as error:
        raise PriceError(RejectReason.UNREADABLE_PRICE) from error


def _read(text: str, currency: Currency | None, *, decimal_mark: str, group_mark: str) -> Price:
    cased = normalised(text)
    text = cased.casefold()
    words = {text, text.strip(" .!*()[]")}
    if not text or words & NO_PRICE:
        return Price(None)
    if words & FREE:
        return Price(Decimal("0.00"), currency.code if currency else None)
    parts = _Parts.of(text)
    meant, is_conflict = _meaning(signs_in(parts.signs, cased), currency)
    amount, flags = parts.amount(meant, decimal_mark=decimal_mark, group_mark=group_mark)
    rounded = _in_range(amount, negative=parts.is_negative)
    if abs(rounded - amount) >= _ROUNDING_NOISE and ListingFlag.AMBIGUOUS_PRICE not in flags:
        flags = (*flags, ListingFlag.ROUNDED_PRICE)
    if is_conflict:
        flags = (*flags, ListingFlag.CURRENCY_CONFLICT)
    if meant and parts.is_written_elsewhere(meant, decimal_mark):
        return Price(rounded, None, (*flags, ListingFlag.UNKNOWN_CURRENCY))
    return Price(rounded, meant.code if meant else None, flags)


def is_absurd(amount: Decimal, currency: str | None = None) -> bool:
    """Say whether a price is a million or more, or has five or more digits that are all equal or count up from 1.

    In currencies without cents, such as the yen and the rupiah, a million is an ordinary price; a billion is not.
    """
    digits = str(int(amount))
    placeholder = len(digits) >= 5 and (len(set(digits)) == 1 or "1234567890".startswith(digits))
    limit = ABSURD_PRICE * 1000 if currency and decimals_of(currency) == 0 else ABSURD_PRICE
    return amount >= limit or placeholder


@dataclass(frozen=True, slots=True)
class _Parts:
    """A price text of one amount, or of the two ends of a range."""

    numbers: tuple[str, ...]
    prefix: re.Match[str]
    between: re.Match[str] | None
    suffix: re.Match[str]

    @classmethod
    def of(cls, text: str) -> _Parts:
        """Split a price.

        Raises:
            AmountError: the text has no digits, more than two numbers, or unknown words.
        """
        numbers = list(islice(_NUMBER.finditer(text), 3)) if len(text) <= _LENGTH_LIMIT else []
        if len(numbers) not in (1, 2):
            raise AmountError(text)
        prefix = _PREFIX.fullmatch(text, 0, numbers[0].start())
        between = _BETWEEN.fullmatch(text, numbers[0].end(), numbers[1].start()) if len(numbers) == 2 else None
        suffix = _SUFFIX.fullmatch(text, numbers[-1].end())
        if prefix is None or suffix is None or (len(numbers) == 2 and between is None):
            raise AmountError(text)
        return cls(tuple(number.group() for number in numbers), prefix, between, suffix)

    @property
    def signs(self) -> str:
        """Every currency sign of the text; pence and cents are signs, too."""
        hundredths = {"p": " gbp", "¢": " $"}.get(self._hundredths, "")
        between = f"{self.between['signs']} {self.between['signs_before']}" if self.between else ""
        return f"{self.prefix['signs']} {between} {self.suffix['signs']}{hundredths}".strip()

    @property
    def is_negative(self) -> bool:
        return bool(self.prefix["minus"] or self.prefix["minus2"])

    @property
    def _hundredths(self) -> str:
        return (self.suffix["hundredths"] or "").strip()

    def is_written_elsewhere(self, currency: Currency, decimal_mark: str) -> bool:
        """Say whether a sign of several currencies hardly means the usual one: `$ 12.500`, `¥79,295.00`."""
        if len(currency.candidates) == 1 or self._hundredths:
            return False
        if currency.code == "USD":
            return decimal_mark == "," or (not decimal_mark and any(map(_WITH_COMMA.search, self.numbers)))
        return currency.code == "JPY" and any(map(_WITH_CENTS.search, self.numbers))

    def amount(
        self, currency: Currency | None, *, decimal_mark: str, group_mark: str
    ) -> tuple[Decimal, tuple[ListingFlag, ...]]:
        """Return the exact amount, of a range the lower bound, and what was guessed.

        Raises:
            AmountError: the digits cannot be read, or could be two different amounts.
        """
        decimals = frozenset(map(decimals_of, currency.candidates)) if currency else frozenset()
        scales = [match["scale"] for match in (self.between, self.suffix) if match]
        if self._hundredths:
            return self._in_hundredths(), ()
        if not self.signs and (self.suffix["open_end"] or any(scale in ("m", "cr") for scale in scales)):
            raise AmountError("an age, or metres")
        writings = (
            Writing(bool(self.signs), decimals, scale is not None, decimal_mark, group_mark) for scale in scales
        )
        amounts = [read_amount(*each) for each in zip(self.numbers, writings, strict=True)]
        scaled = [amount * scale_of(scale) for (amount, _), scale in zip(amounts, scales, strict=True)]
        if self.between:
            self._check_range(scaled, scales)
        has_guess = any(is_guess for _, is_guess in amounts)
        is_range = self.between or self.prefix["open_end"] or self.suffix["open_end"]
        flags = (
            (ListingFlag.PRICE_RANGE, is_range),
            (ListingFlag.APPROXIMATE_PRICE, self.prefix["about"]),
            (ListingFlag.PRICE_PER_UNIT, self.suffix["measure"]),
            (ListingFlag.AMBIGUOUS_PRICE, has_guess),
        )
        return scaled[0], tuple(flag for flag, is_set in flags if is_set)

    def _in_hundredths(self) -> Decimal:
        """Read `99p` and `99¢`, and the superfluous sign of `£12.50p`."""
        (number, *more), signs = self.numbers, self.prefix["signs"] + self.suffix["signs"]
        if more or self.suffix["scale"] or self.suffix["no_cents"]:
            raise AmountError(number)
        if signs and re.fullmatch(r"\d+[.]\d\d", number):
            return Decimal(number)
        if not signs and re.fullmatch(r"\d{1,3}", number):
            return Decimal(number) / 100
        raise AmountError(number)

    def _check_range(self, bounds: list[Decimal], scales: list[str | None]) -> None:
        """Refuse what only looks like a range: dates, telephone numbers, an old price and a new one.

        Raises:
            AmountError: the two numbers are no range of prices.
        """
        has_decimals = all(map(_WITH_CENTS.search, self.numbers))
        has_words = bool(self.signs or self.prefix["open_end"] or has_decimals)
        is_bare = not has_words and self.between and self.between["to"] == "-"
        has_other_scale = scales[0] != scales[1]
        is_code = any(number.startswith("0") and number.isdecimal() and number != "0" for number in self.numbers)
        if is_bare or has_other_scale or is_code or self.is_negative or bounds[0] > bounds[1]:
            raise AmountError(" ".join(self.numbers))


def _meaning(stated: Currency | None, elsewhere: Currency | None) -> tuple[Currency | None, bool]:
    """Return the currency of a price by its own signs and by what the feed says, and whether these contradict.

    Raises:
        AmountError: the price's own signs contradict one another.
    """
    if stated is None or elsewhere is None:
        meant, is_conflict = stated or elsewhere, False
    else:
        both = stated.and_(elsewhere)
        is_conflict = bool(stated.candidates) and not both.candidates
        meant = stated if is_conflict else both
    if meant is not None and not meant.candidates:
        raise AmountError("signs")
    return meant, is_conflict


def _in_range(amount: Decimal, *, negative: bool) -> Decimal:
    if amount >= PRICE_LIMIT:
        raise PriceError(RejectReason.PRICE_TOO_LARGE)
    rounded = amount.quantize(_HUNDREDTH, ROUND_HALF_UP)
    if negative and rounded:
        raise PriceError(RejectReason.NEGATIVE_PRICE)
    if rounded >= PRICE_LIMIT:
        raise PriceError(RejectReason.PRICE_TOO_LARGE)
    return rounded
