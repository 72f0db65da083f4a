"""Bulk uploads on their way to a job: streamed to a folder of their own, under the clients' names made harmless."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import UUID, uuid4

from db.photo_bytes.folder import ABANDONED_AFTER
from db.vectors.durability import sync
from services.errors import BadInput
from services.ingest.pipeline.inputs import IngestInputs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta

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


_STEM_LIMIT = 60
"""Characters: with four bytes each and a suffix they are a name that every file system takes."""

_UNUSUAL = re.compile(r"[^\w .()+,=@-]")


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
    """Write the parts (`listings`, `photos_table`, `photos`) into a new folder under `folder`, each in its own.

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
        written = []
        for part, suffix in suffixes.items():
            (target / part).mkdir()
            name = _harmless(parts[part].filename, suffix)
            written.append((part, suffix, _write(target / part / name, parts[part].content)))
            sync(target / part)
        sync(target)
        sync(folder)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return StoredUpload(target.name, hashlib.sha256(repr(written).encode()).hexdigest())


def named_as_uploaded(folder: Path, text: str) -> str:
    """Return the text with files of uploads under the names that they came with, not where they lie on this server."""
    return re.sub(rf"{re.escape(str(folder))}/\w+/\w+/", "", text)


def discard_upload(folder: Path, name: str) -> None:
    """Delete an upload that `store_uploads` named; one that is not there is deleted already."""
    with suppress(ValueError):  # not a name that we gave
        shutil.rmtree(folder / UUID(hex=name).hex, ignore_errors=True)


def sweep_uploads(folder: Path, *, wanted: Collection[str], older_than: timedelta = ABANDONED_AFTER) -> None:
    """Delete uploads that no job wants: the process that wrote them died before it queued one."""
    before = time.time() - older_than.total_seconds()
    for left in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if left.name not in wanted and left.stat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)


def find_upload(folder: Path, name: str) -> IngestInputs:
    """Return the files of the upload that `store_uploads` named.

    Raises:
        BadInput: there is no such upload. Only names that we gave are taken, because what lies there will be deleted.
    """
    try:
        target = folder / UUID(hex=name).hex
        found = {path.parent.name: path for path in target.glob("*/*")}
        return IngestInputs(found["listings"], found.get("photos_table"), found.get("photos"))
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(f"There is no upload {name!r}; upload the files again.") from error


def _suffix(part: str, filename: str, allowed: tuple[str, ...]) -> str:
    name = Path(filename).name.lower()
    fitting = [suffix for suffix in allowed if name.endswith(suffix)]
    if not fitting:
        raise WrongUpload(part, filename, allowed)
    return max(fitting, key=len)


def _harmless(filename: str, suffix: str) -> str:
    """Return the client's own name for a file, by which rejects call it, such that it can be nothing but a name."""
    stem = Path(filename.replace("\\", "/")).name[: -len(suffix)]
    return f"{_UNUSUAL.sub('_', stem)[:_STEM_LIMIT] or 'file'}{suffix}"


def _write(path: Path, content: IO[bytes]) -> str:
    """Write the content and return its SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        while part := content.read(1 << 20):
            digest.update(part)
            file.write(part)
    sync(path)
    return digest.hexdigest()
