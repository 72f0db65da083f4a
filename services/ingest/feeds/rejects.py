"""Writes rejects.csv: the rejected records, with file, line, field and reason."""

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

    from db.rows.records import RejectedRecord

HEADER = ("file", "line", "id", "field", "reason", "text")
"""Column names, in the order of RejectedRecord's fields."""


def rejects_csv(rejects: Iterable[RejectedRecord]) -> Iterator[str]:
    """Yield the header and one CSV record for each reject (RFC 4180, CRLF line ends)."""
    yield _csv_record(HEADER)
    for reject in rejects:
        yield _reject_record(reject)


def write_rejects(path: Path, rejects: Iterable[RejectedRecord]) -> int:
    """Write rejects.csv atomically and return the number of rejects; after an error the old file is unchanged."""
    count = 0
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  (a descriptor, not a path)
            file.write(_csv_record(HEADER))
            for count, reject in enumerate(rejects, start=1):  # noqa: B007  (the last number is the count)
                file.write(_reject_record(reject))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return count


def _reject_record(reject: RejectedRecord) -> str:
    return _csv_record([shorten(str(value)) for value in astuple(reject)])


def _csv_record(values: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
