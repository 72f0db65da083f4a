"""Bulk uploads on their way to a job: streamed to a folder of their own, under names that we choose."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from services.errors import BadInput
from services.ingest.pipeline import IngestInputs

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTINGS_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")
TABLE_SUFFIXES = (".csv", ".csv.gz")
PHOTOS_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")


class WrongUpload(BadInput):
    """An uploaded file is not of a kind that its part takes."""

    def __init__(self, part: str, filename: str, suffixes: tuple[str, ...]) -> None:
        super().__init__(f"{part}: {filename!r} is not one of {', '.join(suffixes)}; name the file after its format.")


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One part of a bulk upload: the name that the client gave, and the content."""

    filename: str
    content: IO[bytes]


def store_uploads(folder: Path, parts: Mapping[str, UploadedFile]) -> IngestInputs:
    """Write the parts (`listings`, `photos_table`, `photos`) into a new folder under `folder`.

    Raises:
        WrongUpload: a part's file name does not end like a format that the part takes; nothing is kept.
    """
    suffixes = {
        part: _suffix(part, upload.filename, allowed)
        for part, allowed in (
            ("listings", LISTINGS_SUFFIXES),
            ("photos_table", TABLE_SUFFIXES),
            ("photos", PHOTOS_SUFFIXES),
        )
        if (upload := parts.get(part)) is not None
    }
    target = folder / uuid4().hex
    target.mkdir(parents=True)
    try:
        paths = {part: _write(target / f"{part}{suffix}", parts[part].content) for part, suffix in suffixes.items()}
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return IngestInputs(paths["listings"], paths.get("photos_table"), paths.get("photos"))


def _suffix(part: str, filename: str, allowed: tuple[str, ...]) -> str:
    name = Path(filename).name.lower()
    fitting = [suffix for suffix in allowed if name.endswith(suffix)]
    if not fitting:
        raise WrongUpload(part, filename, allowed)
    return max(fitting, key=len)


def _write(path: Path, content: IO[bytes]) -> Path:
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    return path
