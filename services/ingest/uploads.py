"""Bulk uploads on their way to a job: streamed to a folder of their own, under names that we choose."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import UUID, uuid4

from services.errors import BadInput
from services.ingest.pipeline import IngestInputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LISTINGS_SUFFIXES = (
    ".csv",
    ".tsv",
    ".tab",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".csv.gz",
    ".tsv.gz",
    ".jsonl.gz",
    ".ndjson.gz",
)
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


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload that waits for its job: its name, and a SHA-256, in hex, of what was uploaded."""

    name: str
    fingerprint: str


def store_uploads(folder: Path, parts: Mapping[str, UploadedFile]) -> StoredUpload:
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
        written = [
            (part, suffix, _write(target / f"{part}{suffix}", parts[part].content)) for part, suffix in suffixes.items()
        ]
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return StoredUpload(target.name, hashlib.sha256(repr(written).encode()).hexdigest())


def discard_upload(folder: Path, name: str) -> None:
    """Delete an upload that `store_uploads` named; one that is not there is deleted already."""
    shutil.rmtree(folder / UUID(hex=name).hex, ignore_errors=True)


@contextmanager
def taken_upload(folder: Path, name: str) -> Iterator[IngestInputs]:
    """Give the files of the upload that `store_uploads` named, and delete them when the block has an outcome.

    A block that is interrupted (by a `BaseException` that is no `Exception`) leaves them for another try.

    Raises:
        BadInput: there is no such upload. Only names that we gave are taken, because what lies there is deleted.
    """
    try:
        target = folder / UUID(hex=name).hex
        found = {path.name.partition(".")[0]: path for path in target.iterdir()}
        inputs = IngestInputs(found["listings"], found.get("photos_table"), found.get("photos"))
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(f"There is no upload {name!r}; upload the files again.") from error
    try:
        yield inputs
    except Exception:
        shutil.rmtree(target, ignore_errors=True)
        raise
    shutil.rmtree(target, ignore_errors=True)


def _suffix(part: str, filename: str, allowed: tuple[str, ...]) -> str:
    name = Path(filename).name.lower()
    fitting = [suffix for suffix in allowed if name.endswith(suffix)]
    if not fitting:
        raise WrongUpload(part, filename, allowed)
    return max(fitting, key=len)


def _write(path: Path, content: IO[bytes]) -> str:
    """Write the content and return its SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        while part := content.read(1 << 20):
            digest.update(part)
            file.write(part)
    return digest.hexdigest()
