"""Reads currency signs and codes. The list of codes is babel's; which signs people write is ours."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import reduce

from babel.core import get_global

_YEAR = 2000
"""Codes of currencies that were legal tender in this year or later are read; older ones collide with words."""

CODES = frozenset(
    code
    for currencies in get_global("territory_currencies").values()
    for code, _begin, end, is_tender in currencies
    if is_tender and (end is None or end[0] >= _YEAR)
)
"""ISO 4217 codes, in capitals."""

_WORDS = frozenset(
    {"all", "bam", "bob", "cop", "cup", "gel", "mad", "mop", "pen", "ron", "sit", "sos", "std", "top", "try"}
)
"""Codes that are also words: beside a price they count only in capitals."""

_DOLLARS = {
    "USD": "us", "AUD": "au a", "CAD": "ca can cdn", "NZD": "nz", "HKD": "hk", "SGD": "s sg", "TWD": "nt",
    "MXN": "mx mex", "BRL": "r br", "ARS": "ar arg", "CLP": "cl", "COP": "co col", "DOP": "rd", "JMD": "j ja",
    "TTD": "tt", "BBD": "bds", "XCD": "ec", "BZD": "bz", "GYD": "gy", "LRD": "ld", "NAD": "n",
    "FJD": "fj", "UYU": "uy",
    "TOP": "t", "SRD": "sr", "BND": "bn", "KYD": "ci", "BSD": "bs", "BMD": "bd",
}  # fmt: skip
"""Letters before or after a dollar sign: `AU $5`, `5 $US`."""

_OWN = {
    "EUR": "€ euro euros", "INR": "₹", "RUB": "₽", "ILS": "₪ nis שח ש״ח", "TRY": "₺ tl", "UAH": "₴ грн hrn",
    "VND": "₫ đ vnđ đồng", "NGN": "₦", "KZT": "₸ тг тенге", "BDT": "৳ tk taka", "GHS": "₵ gh₵ gh¢ ghc", "CRC": "₡",
    "PYG": "₲", "LAK": "₭", "MNT": "₮", "AZN": "₼", "GEL": "₾ lari", "AMD": "֏", "AFN": "؋", "KHR": "៛",
    "THB": "฿ บาท baht", "PLN": "zł zl", "CZK": "kč kc", "HUF": "ft forint", "BGN": "лв лева lv", "HRK": "kn",
    "MKD": "ден", "RSD": "дин din", "ALL": "lekë lek", "CHF": "sfr sfrs chfr", "DKK": "dkr", "SEK": "skr", "NOK": "nkr",
    "MYR": "rm", "IDR": "rp", "PEN": "s/ s/.", "PAB": "b/ b/.", "KES": "ksh kshs", "TZS": "tsh", "UGX": "ush",
    "ETB": "birr",
    "AOA": "kz", "MMK": "ks.", "LBP": "ل.ل l.l.", "AED": "dhs د.إ", "SAR": "sr s.r. ر.س", "QAR": "ر.ق", "OMR": "ر.ع",
    "KWD": "kd د.ك", "BHD": "د.ب", "JOD": "د.أ", "IQD": "ع.د د.ع", "EGP": "e£ £e eg£ £eg ج.م", "MAD": "د.م",
    "TND": "د.ت", "DZD": "د.ج", "UZS": "сум", "KGS": "сом", "UYU": "$u", "GBP": "gb£ uk£ £gb £uk stg sterling",
    "CNY": "cn¥ ¥cn rmb", "JPY": "jp¥ ¥jp 円 yen", "KRW": "₩ 원 won", "USD": "u$s u$d u$", "PHP": "₱", "ARS": "ar$s",
}  # fmt: skip
"""Signs of one currency, case-folded."""

_SHARED = {
    "$ dollar dollars": "USD AUD CAD NZD HKD SGD TWD MXN BRL ARS CLP COP DOP JMD TTD BBD XCD BZD GYD LRD NAD FJD UYU "
                        "SRD BND KYD BSD BMD SBD ZWL",
    "£": "GBP EGP LBP SYP SDG SSP GIP FKP SHP", "¥": "JPY CNY",
    "руб рублей р": "RUB BYN", "lei leu": "RON MDL", "c_$": "CAD NIO", "b_$": "? BBD BSD BMD BND",
    "kr": "? SEK NOK DKK ISK", "rs": "? INR PKR LKR NPR MUR SCR", "रु रू": "? INR NPR",
    "元 圆 圓": "? CNY TWD HKD MOP", "fr frs": "? CHF XOF XAF XPF GNF BIF DJF KMF RWF CDF", "f_cfa cfa": "? XOF XAF",
    "dh درهم": "? AED MAD", "ریال ريال rial riyal": "? IRR SAR OMR QAR YER", "l.e.": "? EGP SLE SLL",
    "sh /=": "? KES TZS UGX SOS", "manat": "? AZN TMT", "bs": "? BOB VES VEF",
}  # fmt: skip
"""Signs of several currencies. The first code is taken unless the feed says otherwise; after `?` none is."""

_BEFORE_ONLY = {"r": "ZAR", "q": "GTQ", "p": "? PHP BWP"}
"""Letters that are a sign before an amount only: `R 500`, but not `500 R`."""


@dataclass(frozen=True, slots=True)
class Currency:
    """What a currency sign may mean.

    Attributes:
        code: its ISO 4217 code; None when several countries use the sign and none is the usual one.
        candidates: every code that the sign may stand for.
    """

    code: str | None
    candidates: frozenset[str]

    def and_(self, other: Currency) -> Currency:
        """Return what two signs of one price mean together; without candidates if they disagree."""
        both = self.candidates & other.candidates
        usual = next((code for code in (self.code, other.code) if code in both), None)
        return Currency(next(iter(both)) if len(both) == 1 else usual, both)


def _shared(codes: str) -> Currency:
    first, *others = codes.split()
    return Currency(None, frozenset(others)) if first == "?" else Currency(first, frozenset((first, *others)))


def _signs() -> dict[str, Currency]:
    signs = {code.casefold(): _shared(code) for code in CODES}
    for code, written in _OWN.items():
        signs.update((sign, _shared(code)) for sign in written.split())
    for code, letters in _DOLLARS.items():
        for letter in letters.split():
            signs[f"{letter}_$"] = signs[f"$_{letter}"] = _shared(code)
    for written, codes in _SHARED.items():
        signs.update((sign, _shared(codes)) for sign in written.split())
    return signs


_SIGNS_AFTER = _signs()
_SIGNS_BEFORE = _SIGNS_AFTER | {sign: _shared(codes) for sign, codes in _BEFORE_ONLY.items()}
_BY_SIGN = {sign.replace("_", ""): currency for sign, currency in _SIGNS_BEFORE.items()}


_ANY_CODE = f"(?:{'|'.join(map(str.casefold, sorted(CODES)))})"


def _pattern(signs: dict[str, Currency]) -> str:
    longest_first = sorted(signs, key=len, reverse=True)
    sign = "|".join(re.escape(sign).replace("_", r"\s?") for sign in longest_first)
    abbreviated = rf"(?:(?<=[^\W\d_])(?<!\b{_ANY_CODE})\.)?"  # Rs.50, but neither $.50 nor EUR.50
    return rf"(?:\s*(?:{sign})(?!(?<=[^\W\d_])[^\W\d_]){abbreviated}\s*)"


SIGN_BEFORE = _pattern(_SIGNS_BEFORE)
SIGN_AFTER = _pattern(_SIGNS_AFTER)
"""Patterns of one sign before and after an amount, with the blanks and dots around it, in case-folded text."""

_ANY_SIGN = re.compile(SIGN_BEFORE)


def signs_in(text: str, cased: str) -> Currency | None:
    """Return what the signs in `text` mean together; None if there are none.

    Args:
        text: signs only, case-folded, as matched by `SIGN_BEFORE` or `SIGN_AFTER`.
        cased: the whole price before case-folding: codes that are also words count only in capitals, and `5 ft` are
            feet, not `5 Ft`.
    """
    written = [_key(sign) for sign in _ANY_SIGN.findall(text)]
    if any((sign in _WORDS and sign.upper() not in cased) or (sign == "ft" and sign in cased) for sign in written):
        return Currency(None, frozenset())
    return reduce(Currency.and_, (_BY_SIGN[sign] for sign in written)) if written else None


def read_currency(text: str) -> Currency | None:
    """Return the currency that a cell such as `EUR`, `eur`, `€` or `AU $` names; None when it is unknown."""
    return _BY_SIGN.get(_key(unicodedata.normalize("NFKC", text).casefold()))


def _key(sign: str) -> str:
    sign = "".join(sign.split())
    return sign if sign in _BY_SIGN else sign.strip(".")


def decimals_of(code: str) -> int:
    """Return how many decimals people write in this currency: 2 for EUR, 3 for KWD, 0 for JPY and IDR."""
    digits: int
    cash_digits: int
    digits, _, cash_digits, _ = get_global("currency_fractions").get(code, (2, 0, 2, 0))
    return digits if digits > 2 else min(digits, cash_digits)
