"""Looks up listings and photos by id; a malformed id is reported as not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.photo_bytes.base import PhotoDamaged
from db.rows import listings, photos
from services.errors import ResourceNotFound, ServiceUnavailable

if TYPE_CHECKING:
    from sqlmodel import Session

    from db.models import Listing, Photo
    from db.photo_bytes.base import PhotoStore

LARGEST_ID = 2**63 - 1
"""Largest value of the id column. SQLite's driver raises OverflowError above it, PostgreSQL an error of its own."""


class PhotoFileDamaged(ServiceUnavailable):
    """The stored file of a photo is damaged."""

    def __init__(self, photo_id: int | None) -> None:
        super().__init__(
            f"The stored file of photo {photo_id} is damaged. Send the photos of its listing again; "
            "`lookalike verify --photos` finds all damaged files."
        )


def find_listing(session: Session, listing_id: str) -> Listing:
    """Look up a listing.

    Raises:
        ResourceNotFound: no listing has this id.
    """
    rows = listings.listings_by_id(session, [listing_id])
    if not rows:
        raise ResourceNotFound("listing", listing_id)
    return rows[0]


def find_photo(session: Session, photo_id: int) -> Photo:
    """Look up a photo.

    Raises:
        ResourceNotFound: no photo has this id.
    """
    rows = photos.photos_by_id(session, [photo_id]) if 0 < photo_id <= LARGEST_ID else []
    if not rows:
        raise ResourceNotFound("photo", photo_id)
    return rows[0]


def photo_content(files: PhotoStore, photo_id: int | None, sha256: str) -> bytes:
    """Return the bytes of a photo as they are stored.

    Raises:
        ResourceNotFound: its file is missing.
        PhotoFileDamaged: its file is damaged.
    """
    try:
        return files.read(sha256)
    except FileNotFoundError as error:
        raise ResourceNotFound("file of photo", photo_id) from error
    except PhotoDamaged as error:
        raise PhotoFileDamaged(photo_id) from error
