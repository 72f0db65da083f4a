"""Groups the listings of the catalogue into items, as a training on their photos does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ml.copies.items import find_item_links, item_of_listing
from ml.photos.decode import PhotoError, decoded
from ml.photos.preprocess import perceptual_hash
from services.ingest.models.labelled import known_links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from db.session import Database
    from ml.labelled import LabelledPhoto
    from ml.photos.preprocess import Preprocessing
    from services.ingest.pipeline.progress import Progress


def items_of_listings(
    database: Database, photos: Sequence[LabelledPhoto], hashes: NDArray[np.uint64], progress: Progress
) -> dict[str, str]:
    """Return the item of each listing: by equal bytes, known links, and copies among the photos; `hashes` (n,)."""
    links = find_item_links(
        photos, hashes, known_links(database), progress=lambda done, total: progress("compare photos", done, total)
    )
    return item_of_listing(photos, links)


def hash_photos(
    photos: Sequence[LabelledPhoto], preprocessing: Preprocessing, *, threads: int, progress: Progress
) -> tuple[list[LabelledPhoto], NDArray[np.uint64]]:
    """Return the photos that can be decoded, with their perceptual hashes, uint64 (n,)."""

    def hash_of(photo: LabelledPhoto) -> int | None:
        try:
            with decoded(photo.path.read_bytes(), at_least=preprocessing.decode_at_least) as picture:
                return int(perceptual_hash(picture), 16)
        except (PhotoError, OSError):
            return None

    readable, hashes = [], []
    with ThreadPoolExecutor(threads) as pool:
        for number, (photo, value) in enumerate(zip(photos, pool.map(hash_of, photos), strict=True)):
            if value is not None:
                readable.append(photo)
                hashes.append(value)
            progress("hash photos", number + 1, len(photos))
    return readable, np.array(hashes, np.uint64)
