"""Writes rows to files as other programs do: csv, pandas, openpyxl, pyarrow, json, and programs that quote nothing."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Rows = Sequence[dict[str, str]]

NAMES_OF_DELIMITERS = {",": ".csv", ";": ".csv", "\t": ".tsv", "|": ".csv"}


def csv_text(rows: Rows, *, delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL, line_end: str = "\n") -> str:
    """Write the rows as standard CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def unquoted_text(rows: Rows, *, delimiter: str = ",") -> str:
    """Join the cells without quotation marks, line breaks left out."""
    lines = [list(rows[0]), *([" ".join(cell.splitlines()) for cell in row.values()] for row in rows)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def escaped_text(rows: Rows, *, delimiter: str = "\t") -> str:
    r"""Write the rows as MySQL does: a backslash before delimiters and line breaks, `\N` for an empty cell."""

    def cell(text: str) -> str:
        if not text:
            return r"\N"
        for special in ("\\", delimiter, "\n", "\t"):
            text = text.replace(special, "\\" + {"\n": "n", "\t": "t"}.get(special, special))
        return text

    lines = [list(rows[0]), *([cell(text) for text in row.values()] for row in rows)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def write_pandas_csv(path: Path, rows: Rows) -> Path:
    pd.DataFrame(rows).to_csv(path.with_suffix(".csv"), index=False)
    return path.with_suffix(".csv")


def write_json_lines(path: Path, rows: Rows) -> Path:
    path = path.with_suffix(".jsonl")
    path.write_text("".join(json.dumps(row, ensure_ascii=len(rows) % 2 == 0) + "\n" for row in rows))
    return path


def write_json_array(path: Path, rows: Rows) -> Path:
    path = path.with_suffix(".json")
    pd.DataFrame(rows).to_json(path, orient="records", force_ascii=False)
    return path


def write_parquet(path: Path, rows: Rows) -> Path:
    path = path.with_suffix(".parquet")
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def write_workbook(path: Path, rows: Rows) -> Path:
    path, book = path.with_suffix(".xlsx"), openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Products")
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([cell or None for cell in row.values()])
    book.save(path)
    return path


def write_gzipped(path: Path, rows: Rows) -> Path:
    path = path.with_suffix(".csv.gz")
    path.write_bytes(gzip.compress(csv_text(rows).encode()))
    return path


WRITERS: tuple[Callable[[Path, Rows], Path], ...] = (
    write_pandas_csv,
    write_json_lines,
    write_json_array,
    write_parquet,
    write_workbook,
    write_gzipped,
)
