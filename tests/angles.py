"""A marketplace without a model, whose vectors are known: photos are angles, and scores the cosines between them."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from services.indexing.generations import build_and_promote
from tests.at_end import AT_END
from tests.truth import LAMP, MODEL, SIZE, add_listings, add_photos, embed, new_embedding, register_model, stored_photo
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from db.rows.records import ListingRecord
    from db.vectors.base import Vector
    from services.resources import Resources


def angle(degrees: float, axis: int = 1) -> Vector:
    """The vector this far from the first axis, towards another: cosines are those of the angles between."""
    vector = np.zeros(SIZE, dtype=np.float32)
    vector[0], vector[axis] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


def listing(listing_id: str, **fields: object) -> ListingRecord:
    return replace(LAMP, listing_id=listing_id, **fields)


def add(resources: Resources, record: ListingRecord, vectors: Sequence[Vector]) -> list[int]:
    """Put a listing with one photo per vector into the truth and return its photo ids."""
    return add_all(resources, [(record, vectors)])


def add_all(resources: Resources, catalogue: Sequence[tuple[ListingRecord, Sequence[Vector]]]) -> list[int]:
    """Put listings with one photo per vector into the truth at once, and return their photo ids in order."""
    stored = [
        stored_photo(record.listing_id, f"{record.listing_id}-{n}", content=f"{record.listing_id}{n}".encode())
        for record, vectors in catalogue
        for n in range(len(vectors))
    ]
    add_listings(resources.database, *(record for record, _ in catalogue))
    known = add_photos(resources.database, *stored)
    made = [
        replace(new_embedding(photo_id, photo), vector=vector)
        for photo_id, photo, vector in zip(known, stored, chain(*(vectors for _, vectors in catalogue)), strict=True)
    ]
    embed(resources.database, *made)
    return known


@contextmanager
def world(folder: Path) -> Iterator[Resources]:
    """Resources with an empty live generation; what is added is found after a refresh."""
    with resources_in(folder, like=_empty_world()) as resources:
        yield resources


@cache
def _empty_world() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="lookalike-angles-"))
    AT_END.callback(shutil.rmtree, folder)
    with resources_in(folder) as resources:
        register_model(resources.database)
        build_and_promote(resources.database, resources.stores, MODEL)
    return folder
