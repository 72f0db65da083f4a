"""Compares the stored files of photos with the database, and fetches what is missing or damaged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from more_itertools import chunked

from db.photo_bytes.base import PhotoDamaged, sha256_of
from db.rows import photos
from ml.photos.clean import clean_photo
from ml.photos.decode import PhotoError
from services.errors import LookalikeError
from services.ingest.photos.urls import is_data_url, is_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.models import Photo
    from db.photo_bytes.base import PhotoStore
    from services.resources import Resources

log = logging.getLogger(__name__)

_BATCH = 1000


class FileState(StrEnum):
    """What the file of a photo is."""

    INTACT = "intact"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class BrokenPhoto:
    """A photo without an intact file. `source` is the file or URL that it came from."""

    photo_id: int
    listing_id: str
    source: str
    state: FileState


@dataclass(frozen=True, slots=True)
class PhotoFiles:
    """The stored files compared with the database.

    Attributes:
        photos: number of photos in the database.
        broken: the photos without an intact file, by ascending id.
        unused: number of stored files of no photo; they are removed a day after they were stored.
    """

    photos: int
    broken: tuple[BrokenPhoto, ...]
    unused: int


def check_files(resources: Resources) -> PhotoFiles:
    """Read every stored file, and compare its size and SHA-256 with those in the database.

    Raises:
        ConnectionError: the photo store cannot be reached.
    """
    count, broken, last = 0, list[BrokenPhoto](), -1
    while True:
        with resources.database.read() as session:
            rows = photos.photos_after(session, last, _BATCH)
        if not rows:
            return PhotoFiles(count, tuple(broken), _unused(resources))
        for row in rows:
            state = _state(resources.photo_files, row)
            if state != FileState.INTACT:
                broken.append(BrokenPhoto(row.id or 0, row.listing_id, row.source, state))
        count, last = count + len(rows), rows[-1].id or 0


def fetch_broken(resources: Resources, broken: Sequence[BrokenPhoto]) -> int:
    """Fetch the broken photos that came from a URL, and store those that are still the same; return their number."""
    fetched = 0
    for one in broken:
        if not is_url(one.source) or is_data_url(one.source):
            continue
        with resources.database.read() as session:
            rows = photos.photos_by_id(session, [one.photo_id])
        try:
            fetched += sum(_store_again(resources, row, resources.photo_fetcher.fetch(one.source)) for row in rows)
        except (LookalikeError, PhotoError) as error:
            log.warning("photo %s of listing %s cannot be fetched: %s", one.photo_id, one.listing_id, error)
    return fetched


def _store_again(resources: Resources, row: Photo, content: bytes) -> bool:
    """Store the photo if it has the bytes that it had, and return whether it has."""
    stored = content if sha256_of(content) == row.sha256 else clean_photo(content, resources.photo_limits)
    if sha256_of(stored) != row.sha256:
        log.warning("photo %s of listing %s is another one at its URL now", row.id, row.listing_id)
        return False
    resources.photo_files.put(stored)
    return True


def _state(files: PhotoStore, row: Photo) -> FileState:
    try:
        content = files.read(row.sha256)
    except FileNotFoundError:
        return FileState.MISSING
    except ConnectionError:
        raise
    except (PhotoDamaged, OSError):  # a folder in its place, or a part of the disk that cannot be read
        return FileState.DAMAGED
    return FileState.INTACT if len(content) == row.size_bytes else FileState.DAMAGED


def _unused(resources: Resources) -> int:
    unused = 0
    for names in chunked(resources.photo_files.names(), _BATCH):
        with resources.database.read() as session:
            unused += len(set(names) - photos.used_sha256s(session, names))
    return unused
