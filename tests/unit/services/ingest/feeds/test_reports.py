"""Writing rejects.csv and warnings.csv."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.rows.records import RejectedRecord, WarningRecord
from services.ingest.cleaning.text import TEXT_LIMIT, shorten
from services.ingest.feeds.reports import rejects_csv, warnings_csv, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REJECT = RejectedRecord("listings.csv", 7, "L-1", "price", "unreadable_price", 'call "me",\r\nplease')

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
REJECTS = st.builds(RejectedRecord, TEXTS, st.integers(0, 2**40), TEXTS, TEXTS, TEXTS, TEXTS)


@given(st.lists(REJECTS, max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_reads_back_what_it_wrote(tmp_path, rejects):
    path = tmp_path / "rejects.csv"
    write_report(path, rejects_csv(rejects))
    assert _read(path) == rejects


def test_each_file_starts_with_the_column_names(tmp_path):
    assert list(rejects_csv([])) == ["file,line,id,field,reason,text\r\n"]
    assert list(warnings_csv([])) == ["file,line,id,field,flag,before,after\r\n"]


def test_a_warning_shows_the_values_before_and_after():
    warning = WarningRecord("shop.csv", 3, "L-1", "price", "absurd_price", "£11,111", "11111")
    assert list(warnings_csv([warning]))[1:] == ['shop.csv,3,L-1,price,absurd_price,"£11,111",11111\r\n']


def test_keeps_the_old_file_and_leaves_no_other_when_writing_fails(tmp_path):
    path = tmp_path / "rejects.csv"
    write_report(path, rejects_csv([REJECT]))

    def interrupted() -> Iterator[RejectedRecord]:
        yield RejectedRecord("other.csv", 1, "", "", "broken_record", "")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(path, rejects_csv(interrupted()))
    assert [entry.name for entry in tmp_path.iterdir()] == ["rejects.csv"]
    assert _read(path) == [REJECT]


def test_shortens_long_text():
    short = shorten("x" * (TEXT_LIMIT + 1))
    assert len(short) == TEXT_LIMIT
    assert short.endswith("x…")


def test_keeps_text_of_exactly_the_limit():
    assert shorten("x" * TEXT_LIMIT) == "x" * TEXT_LIMIT


def test_replaces_characters_that_cannot_be_encoded():
    assert shorten("a\ud800b\0c").isprintable()


def _read(path: Path) -> list[RejectedRecord]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert header == ["file", "line", "id", "field", "reason", "text"]
    return [RejectedRecord(name, int(line), *rest) for name, line, *rest in rows]
