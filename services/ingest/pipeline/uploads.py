"""Bulk uploads: each is streamed to its own folder, with safe file names, and kept until its job ends."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec

from db.durability import sync
from db.photo_bytes.folder import ABANDONED_AFTER
from services.errors import BadInput
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.tables.formats import TABLE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta

PHOTOS_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

_OPTIONS = "options.json"

_STEM_LIMIT = 60
"""Characters; with up to four bytes each, plus a suffix, within the 255 bytes of common file systems."""

_UNSAFE = re.compile(r"[^\w .()+,=@-]")


class WrongUpload(BadInput):
    """The name of an uploaded file does not end like a supported format."""

    def __init__(self, part: str, filename: str, suffixes: tuple[str, ...]) -> None:
        super().__init__(f"{part}: the name {filename!r} must end in one of {', '.join(suffixes)}.")


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One part of a bulk upload: the client's file name and the content."""

    filename: str
    content: IO[bytes]


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A stored upload: its name, the SHA-256 of its files and options in hex, and whether it is for a dry run."""

    name: str
    fingerprint: str
    dry_run: bool


def store_uploads(
    folder: Path,
    parts: Mapping[str, UploadedFile],
    options: IngestOptions = IngestOptions(),  # noqa: B008 - frozen
) -> StoredUpload:
    """Write each part (`listings`, `photos_table`, `photos`) to its own folder in a new folder under `folder`.

    The options go to a file beside them.

    Raises:
        WrongUpload: the file name of a part has an unsupported suffix; nothing is stored.
    """
    suffixes = {
        part: _suffix(part, upload.filename, allowed)
        for part, allowed in (
            ("listings", TABLE_SUFFIXES),
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
            name = _safe_name(parts[part].filename, suffix)
            written.append((part, suffix, _write(target / part / name, parts[part].content)))
            sync(target / part)
        encoded = msgspec.json.encode(options)
        written.append((_OPTIONS, "", _write(target / _OPTIONS, io.BytesIO(encoded))))
        sync(target)
        sync(folder)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return StoredUpload(target.name, hashlib.sha256(repr(written).encode()).hexdigest(), options.dry_run)


def hide_upload_paths(folder: Path, text: str) -> str:
    """Replace the paths of uploaded files in a message by their bare names."""
    return re.sub(rf"{re.escape(str(folder))}/\w+/\w+/", "", text)


def discard_upload(folder: Path, name: str) -> None:
    """Delete an upload of `store_uploads`, if it still exists."""
    with suppress(ValueError):  # not a name of `store_uploads`
        shutil.rmtree(folder / UUID(hex=name).hex, ignore_errors=True)


def sweep_uploads(folder: Path, *, keep: Collection[str], older_than: timedelta = ABANDONED_AFTER) -> None:
    """Delete old uploads that are not in `keep`: the process that stored them died before it queued a job."""
    before = time.time() - older_than.total_seconds()
    for left in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if left.name not in keep and left.stat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)


def find_upload(folder: Path, name: str) -> IngestInputs:
    """Return the files and options of an upload; the default options if an earlier version stored it.

    Raises:
        BadInput: there is no such upload. Other paths are refused, because the folder is deleted after the job.
    """
    try:
        target = folder / UUID(hex=name).hex
        files = {path.parent.name: path for path in target.glob("*/*")}
        stored = target / _OPTIONS
        options = msgspec.json.decode(stored.read_bytes(), type=IngestOptions) if stored.is_file() else IngestOptions()
        return IngestInputs(files["listings"], files.get("photos_table"), files.get("photos"), options)
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(f"The upload {name!r} does not exist. Upload the files again.") from error


def _suffix(part: str, filename: str, allowed: tuple[str, ...]) -> str:
    name = Path(filename).name.lower()
    matching = [suffix for suffix in allowed if name.endswith(suffix)]
    if not matching:
        raise WrongUpload(part, filename, allowed)
    return max(matching, key=len)


def _safe_name(filename: str, suffix: str) -> str:
    """Return the client's file name, which rejects show, without folders and special characters."""
    stem = Path(filename.replace("\\", "/")).name[: -len(suffix)]
    return f"{_UNSAFE.sub('_', stem)[:_STEM_LIMIT] or 'file'}{suffix}"


def _write(path: Path, content: IO[bytes]) -> str:
    """Write the content and return its SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        while part := content.read(1 << 20):
            digest.update(part)
            file.write(part)
    sync(path)
    return digest.hexdigest()
