"""Writes rejects.csv and warnings.csv: the rejected records, and what was changed in the accepted ones."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

from services.ingest.cleaning.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from db.rows.records import RejectedRecord, WarningRecord

REJECTS_HEADER = ("file", "line", "id", "field", "reason", "text")
"""Column names of rejects.csv, in the order of RejectedRecord's fields."""

WARNINGS_HEADER = ("file", "line", "id", "field", "flag", "before", "after")
"""Column names of warnings.csv, in the order of WarningRecord's fields."""


def rejects_csv(rejects: Iterable[RejectedRecord]) -> Iterator[str]:
    """Yield the header and one CSV record for each reject (RFC 4180, CRLF line ends)."""
    return _csv_records(REJECTS_HEADER, rejects)


def warnings_csv(warnings: Iterable[WarningRecord]) -> Iterator[str]:
    """Yield the header and one CSV record for each warning (RFC 4180, CRLF line ends)."""
    return _csv_records(WARNINGS_HEADER, warnings)


def write_report(path: Path, lines: Iterable[str]) -> None:
    """Write the lines of a report atomically: no reader sees half of it, and after an error the old file stays."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  (a descriptor, not a path)
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _csv_records(header: tuple[str, ...], records: Iterable[RejectedRecord | WarningRecord]) -> Iterator[str]:
    yield _csv_record(header)
    for record in records:
        yield _csv_record([shorten(str(value)) for value in astuple(record)])


def _csv_record(values: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
