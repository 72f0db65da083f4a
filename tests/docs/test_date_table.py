"""The dates that docs/codes.md shows are read as the 31st of January 2024."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from services.ingest.cleaning.dates import parse_date
from tests.docs.pages import ROOT

_PAGE = (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")
_TABLE = _PAGE.split("## Dates")[1].split("\n\n")[1]
_DATES = [
    text for cell in re.findall(r"^\| (`.+?) \|", _TABLE, re.MULTILINE) for text in re.findall(r"`([^`]+)`", cell)
]


@pytest.mark.parametrize("text", _DATES)
def test_reads_each_date_of_the_table(text: str) -> None:
    read = parse_date(text, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert read is not None
    assert read.at.date() == date(2024, 1, 31)


def test_finds_the_table_of_dates() -> None:
    assert len(_DATES) >= 11
