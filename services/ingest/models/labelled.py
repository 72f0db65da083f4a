"""The photos of the catalogue with their labels, and the known links of listings, for training and evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.rows import duplicates, listings, photos
from ml.copies.items import ItemLink, KnownLinks
from ml.labelled import LabelledPhoto
from ml.text.classifier import Words

if TYPE_CHECKING:
    from db.photo_bytes.base import PhotoStore
    from db.session import Database


def labelled_photos(database: Database, files: PhotoStore) -> list[LabelledPhoto]:
    """Return every photo that has not failed, labelled with the category of its listing, in id order."""
    with database.read() as session:
        return [
            LabelledPhoto(
                photo_id=row.photo_id,
                listing_id=row.listing_id,
                category=row.category_path[0],
                sha256=row.sha256,
                path=files.local_path(row.sha256),
                subcategories=tuple(row.category_path[1:]),
            )
            for row in photos.labelled_photos(session)
        ]


def words_of_listings(database: Database) -> dict[str, Words]:
    """Return title and description of each listing that has either."""
    with database.read() as session:
        return {listing_id: Words(*written) for listing_id, *written in listings.words(session) if any(written)}


def known_links(database: Database) -> KnownLinks:
    """Return the pairs that the duplicate finder has found or a reviewer has accepted, and those rejected."""
    with database.read() as session:
        links = duplicates.reviewable_links(session)
    return KnownLinks(
        shared=tuple(
            ItemLink(
                link.listing_id,
                link.other_listing_id,
                link.photo_id,
                link.other_photo_id,
                link.verdict,
                link.score,
            )
            for link in links
            if link.decision != "reject"
        ),
        rejected=frozenset((link.listing_id, link.other_listing_id) for link in links if link.decision == "reject"),
    )
