"""Reads the digits of a price: which separators group thousands, and which one begins the decimals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

PRICE_LIMIT = Decimal(10) ** 13
"""Prices must be below this, so that hundredths fit easily into a 64-bit column."""

NUMBER = r"\d(?:[\d.,' ٫]*\d)?(?:e[+-]?\d{1,3}(?!\d))?"
"""Pattern of an amount's digits with their separators; `'` stands for every apostrophe, `٫` is a decimal separator."""

_GROUPS = r"[1-9]\d{0,2}(?:[%s]\d{3})+"
_COMMA_GROUPS = re.compile(rf"(?:{_GROUPS % ','}|[1-9]\d?(?:,\d{{2}})+,\d{{3}})(?:[.٫]\d+)?")  # 10,000.00, 10,00,000
_DOT_GROUPS = re.compile(rf"{_GROUPS % '.'}(?:[,٫]\d+)?")  # 1.234,50
_APOSTROPHE_GROUPS = re.compile(rf"{_GROUPS % chr(39)}(?:[.,٫]\d{{1,2}})?")  # 1'234.50
_BLANK_GROUPS = re.compile(rf"{_GROUPS % ' '}(?:[.,٫]\d{{1,2}})?")  # 1 234,50
_THREE_DECIMALS = re.compile(r"[1-9]\d{0,2}(?:[' ]\d{3})+[.,]\d{3}")  # 1 234,500 in dinars
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
_LONG_DECIMALS = re.compile(r"\d+,\d\d0{2,}|0+,\d{3,}")  # 12,0000, 0,990
_MANY_DECIMALS = re.compile(r"\d+,\d{4,}")
_PLAIN = re.compile(r"\d+(?:[.٫]\d+)?(?:e[+-]?\d{1,3})?")
_ONE_GROUP = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")


class AmountError(ValueError):
    """The digits are not one amount, or their separators can mean two."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What is known about how an amount is written.

    Attributes:
        has_sign: whether a currency stands beside the digits, as people write it.
        decimals: decimals of the currencies that it may be in; empty when unknown.
        is_scaled: whether a word such as `k` multiplies it.
        decimal_mark: `,` or `.` if the other prices of the file prove that it begins the decimals.
        group_mark: `,` or `.` if it probably groups thousands in this file.
    """

    has_sign: bool = False
    decimals: frozenset[int] = frozenset()
    is_scaled: bool = False
    decimal_mark: str = ""
    group_mark: str = ""


def read_amount(number: str, writing: Writing) -> tuple[Decimal, bool]:
    """Return the exact amount, and whether its only separator may as well mean the contrary.

    Raises:
        AmountError: the digits are not an amount, or could be two different ones.
    """
    if match := _ONE_GROUP.fullmatch(number):
        return _one_separator(number, match[1], writing)
    if _PLAIN.fullmatch(number):
        return Decimal(number.replace("٫", ".")), False
    if _COMMA_GROUPS.fullmatch(number):
        return Decimal(number.replace(",", "").replace("٫", ".")), False
    if _DOT_GROUPS.fullmatch(number):
        return Decimal(number.replace(".", "").replace(",", ".").replace("٫", ".")), False
    others = (
        _APOSTROPHE_GROUPS,
        _BLANK_GROUPS,
        _DECIMAL_COMMA,
        _LONG_DECIMALS,
        *([_MANY_DECIMALS] if writing.decimal_mark == "," else []),
        *([_THREE_DECIMALS] if writing.decimals == {3} else []),
    )
    if any(pattern.fullmatch(number) for pattern in others):
        return Decimal(re.sub("[,٫]", ".", re.sub("[' ]", "", number))), False
    raise AmountError(number)


def _one_separator(number: str, separator: str, writing: Writing) -> tuple[Decimal, bool]:
    """Read digits with one separator before exactly three digits, such as `1.234` or `1,234`."""
    if writing.is_scaled:
        raise AmountError(number)  # 1.234k may be 1,234 or 1,234,000
    decimal, grouped = Decimal(number.replace(",", ".")), Decimal(number.replace(separator, ""))
    has_proof = bool(writing.decimal_mark)
    is_proven_decimal = separator == writing.decimal_mark
    if 3 in writing.decimals and not (has_proof and not is_proven_decimal):  # 1.250 in dinars of 1,000 fils
        if writing.decimals != {3}:
            raise AmountError(number)
        return decimal, separator == "," and not has_proof
    if writing.decimals == {0}:
        return grouped, False
    if has_proof:
        return (decimal, True) if is_proven_decimal else (grouped, False)
    if writing.has_sign:
        return grouped, False
    return (grouped, True) if separator in (",", writing.group_mark) else (decimal, True)
