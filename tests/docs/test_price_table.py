"""The prices that docs/codes.md shows are read as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.ingest.cleaning.prices import PriceError, parse_price

_DOCUMENT = Path(__file__).parents[2] / "docs" / "codes.md"
_TABLE = _DOCUMENT.read_text(encoding="utf-8").split("| in the feed | read as |")[1].split("\n\n")[0]
_PRICES = [
    (text, meaning.strip())
    for texts, meaning in re.findall(r"^\| (`.+) \| (.+) \|$", _TABLE, re.MULTILINE)
    for text in re.findall(r"`([^`]+)`", texts)
]


def _read(text: str) -> str:
    try:
        price = parse_price(text)
    except PriceError:
        return "unreadable"
    if price.amount is None:
        return "no price"
    flags = "".join(f", flagged `{flag}`" for flag in price.flags)
    return f"{price.amount} {price.currency or ''}".strip() + flags


@pytest.mark.parametrize(("text", "meaning"), _PRICES)
def test_reads_each_price_as_the_table_says(text, meaning):
    assert _read(text) == meaning


def test_finds_the_table():
    assert len(_PRICES) > 30
