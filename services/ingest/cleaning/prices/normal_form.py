"""Brings the text of a price into one form of digits, blanks and apostrophes."""

from __future__ import annotations

import re
import unicodedata

from services.ingest.cleaning.prices.amounts import AmountError
from services.ingest.cleaning.text import decode_entities

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ′`´٬＇", "'") | {"−": "-"})  # ٬ groups thousands in Arabic
_DETACHED_CENTS = re.compile(r"(?<=\d) (?=\.\d\d(?!\d))")  # £ 12 .50
_BARE_CENTS = re.compile(r"(?<![\w.,' ])([.,])(?=\d\d(?![\d.,]))")  # $.99
_EXCEL_TEXT = re.compile(r"""="([^"]*)"|'(?=[^'\s])(.*)""")  # ="5.00", '5.00
_CODE_IN_BRACKETS = re.compile(r"[(\[]\s*([A-Za-z]{3}|[€£$¥])\s*[)\]]")

_TEXT_LIMIT = 10_000
"""Longer texts are not even normalised."""


def normalised(text: str) -> str:
    """Return the text with one form of digits, blanks and apostrophes.

    Raises:
        AmountError: it is overlong, or has fractions or superscripts, or digits of several scripts.
    """
    if len(text) > _TEXT_LIMIT:
        raise AmountError(text)
    text = decode_entities(text).strip().replace("m²", "m2").translate(_APOSTROPHES)
    if match := _EXCEL_TEXT.fullmatch(text):
        text = match[1] or match[2] or ""
    text = _CODE_IN_BRACKETS.sub(r" \1 ", text)
    zeros = {ord(digit) - unicodedata.decimal(digit) for digit in text if digit.isdecimal()}
    if len(zeros) > 1 or any(unicodedata.category(letter) in ("No", "Nl") for letter in text):
        raise AmountError(text)
    text = unicodedata.normalize("NFKC", text)
    text = "".join(
        str(unicodedata.decimal(letter)) if letter.isdecimal() else letter
        for letter in text
        if unicodedata.category(letter) != "Cf"
    )
    return _BARE_CENTS.sub(r"0\1", _DETACHED_CENTS.sub("", " ".join(text.split())))
