"""Says what a file is by its first bytes, where its name says something else."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, NamedTuple

from services.errors import ListingsFileError
from services.ingest.tables.text_files import read_beginning

if TYPE_CHECKING:
    from pathlib import Path


class _Content(NamedTuple):
    pattern: re.Pattern[bytes]
    name: str
    remedy: str


_CONTENTS = [
    _Content(re.compile(pattern, re.IGNORECASE | re.DOTALL), name, remedy)
    for pattern, name, remedy in (
        (rb"\xd0\xcf\x11\xe0", "an Excel workbook of the old form (.xls), or one with a password",
         "Save it as .xlsx without a password, or as CSV"),
        (rb"PAR1", "a Parquet file", "Rename it to end in .parquet"),
        (rb"%PDF-", "a PDF", "Export the table as CSV"),
        (rb"SQLite format 3\0", "an SQLite database", "Export the table as CSV"),
        (rb"BZh|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!", "compressed other than with gzip",
         "Unpack it, or compress it with gzip"),
        (rb"(?:\xef\xbb\xbf)*\s*<\?xml", "XML", "Export the table as CSV or JSON Lines"),
        (rb"(?:\xef\xbb\xbf)*\s*<(?:!--|!doctype html|html|head|body|table|div|meta|script)\b",
         "a web page (HTML), such as the page of a login or an error", "Download the file itself"),
    )
]  # fmt: skip
_JSON = re.compile(rb'(?:\xef\xbb\xbf)*\s*(?:\[\s*[{\[\]]|\{\s*["}])')
_ZIPPED = {
    "xl/workbook.xml": ("an Excel workbook", "Rename it to end in .xlsx"),
    "word/document.xml": ("a Word document", "Export the table as CSV"),
    "content.xml": ("an OpenDocument file", "Save it as .xlsx or CSV"),
}
_PARQUET, _WORKBOOK = "a Parquet file", "an Excel workbook"


def refuse_other_content(path: Path, kind: str) -> None:
    """Raise ListingsFileError if a file is recognised as something else than its name says.

    Args:
        path: the file.
        kind: `text`, `json`, `parquet` or `workbook`.
    """
    beginning = read_beginning(path)
    found = _content(path, beginning)
    expected = {"parquet": _PARQUET, "workbook": _WORKBOOK}.get(kind)
    if found is not None and found[0] != expected:
        name, remedy = found
        raise ListingsFileError(path, f"is {name}, whatever its file name says", remedy)
    if kind != "json" and _JSON.match(beginning):
        remedy = "Rename it to end in .json, or in .jsonl if there is one object on each line"
        raise ListingsFileError(path, "is JSON, whatever its file name says", remedy)
    if kind == "workbook" and found is None:
        raise ListingsFileError(
            path, "is not an Excel workbook", "Check the file; rename it to end in .csv if it is text"
        )


def _content(path: Path, beginning: bytes) -> tuple[str, str] | None:
    if beginning.startswith(b"PK\x03\x04"):
        return _zipped(path)
    return next(((one.name, one.remedy) for one in _CONTENTS if one.pattern.match(beginning)), None)


def _zipped(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return "a damaged zip archive", "Copy it again, and unpack it"
    return next((found for name, found in _ZIPPED.items() if name in names), ("a zip archive", "Unpack it"))
