"""Hostile rows cost bounded work: it is counted in characters that are searched, not in seconds."""

from __future__ import annotations

import pytest

from services.ingest.tables.delimited import records
from tests.unit.services.ingest.feeds.listing_files import HEADER, read

ROUNDS = 12
"""Times that a whole file may be searched."""


@pytest.mark.parametrize("row", ['I-{},"",""x,"\n', 'I-{},Desk,Home,""y",£5,"York\n', 'I-{},Desk,Home,"y\n'])
def test_rows_that_fit_no_columns_are_searched_a_few_times_only(file, monkeypatch, row):
    searched = list[int]()
    repair = records.repair

    def counted(text, layout):
        searched.append(len(text))
        return repair(text, layout)

    monkeypatch.setattr(records, "repair", counted)
    monkeypatch.setattr("services.ingest.tables.delimited.lookahead.RECORD_LIMIT", 0)
    text = "".join(row.format(number) for number in range(400))
    path = file("a.csv", HEADER + "I-0,Desk,Home,x,£5,York\n" * 3 + text)
    assert len(read(path)) == 403
    assert sum(searched) < 4 * ROUNDS * len(text)  # the file is read ahead


def test_a_repairable_record_after_many_broken_ones_is_still_repaired(file):
    broken = "".join(f'I-{number},"",""x,"\n' for number in range(300))
    good, last_row = "I-0,Desk,Home,x,£5,York\n" * 3, "I-9999,Oak desk,Home,solid\nold,£5,York\n"
    last = read(file("a.csv", HEADER + good + broken + last_row))[-1]
    assert (last.listing_id, last.description) == ("I-9999", "solid\nold")
