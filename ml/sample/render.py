"""Writes the sample catalogue: two tables as marketplaces export them, and a folder of photos."""

from __future__ import annotations

import csv
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
from PIL import Image, ImageOps

from ml.sample.catalogue import make_listings
from ml.sample.defects import PhotoRow, extra_photos, listing_rows, row_of
from ml.sample.draw import Canvas
from ml.sample.photo_edits import edited
from ml.sample.reposts import TAKEN_AGAIN, posted_again
from ml.sample.scene import BACKGROUNDS, take_photo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ml.sample.catalogue import SampleListing
    from ml.sample.defects import ListingRow
    from ml.stages import Progress

LISTINGS, PHOTOS_TABLE, PHOTOS = "listings.csv", "photos.csv", "photos"
SMALLEST = 26
"""Minimum number of listings: two in each category, and enough for every defect."""

_LISTING_HEADER = (
    "",
    "id",
    "product_name",
    "category",
    "product_description",
    "price",
    "location",
    "seller",
    "listed_at",
)
_PHOTO_HEADER = ("", "id", "product_id")
_LETTERBOXED, _ROTATED = 0.04, 0.03
"""Shares of photos with bars around them, and of photos stored rotated with an EXIF orientation."""


@dataclass(frozen=True, slots=True)
class SampleCatalogue:
    """A catalogue with written tables, and photos to render.

    Attributes:
        folder: contains `listings.csv`, `photos.csv` and the folder `photos`.
        listings: the listings with photos to render.
        photo_records: rows of `photos.csv`.
    """

    folder: Path
    listings: tuple[SampleListing, ...]
    photo_records: int

    @property
    def photos(self) -> Path:
        """The folder `photos`."""
        return self.folder / PHOTOS


def write_sample_tables(out: Path, *, listings: int, reposts: int = 0, seed: int = 7) -> SampleCatalogue:
    """Write the tables and the defective photos of a catalogue; the other photos are left to `render_listing`.

    Equal arguments write equal bytes.

    Args:
        out: folder of the catalogue.
        listings: number of listings of different items.
        reposts: further listings, of items that another seller has posted already; fewer than `listings`.
        seed: of everything random. The listings and photos of items do not depend on `reposts`.

    Raises:
        ValueError: `listings` is below `SMALLEST`.
        OSError: the folder cannot be written.
    """
    if listings < SMALLEST:
        raise ValueError(
            f"{listings} listings are too few for a sample; it needs at least {SMALLEST}, two in each category"
        )
    rng = np.random.default_rng(seed)
    made = make_listings(listings, rng)
    *photographed, _without_photos = made
    (out / PHOTOS).mkdir(parents=True, exist_ok=True)
    render_listing(photographed[0], out / PHOTOS)
    intact = (out / PHOTOS / f"{photographed[0].photo_ids[0]}.jpg").read_bytes()
    extra = extra_photos(photographed[1:], intact, rng)
    for row in extra:
        if row.content is not None:
            (out / PHOTOS / f"{row.photo_id}.jpg").write_bytes(row.content)
    rows = listing_rows(made, rng)
    own_rng = np.random.default_rng([seed, 2])
    again = posted_again(photographed, reposts, own_rng)
    for one in again:
        rows.insert(int(own_rng.integers(1, len(rows))), row_of(one))
    photographed += again
    photo_rows = [PhotoRow(photo_id, one.listing_id) for one in photographed for photo_id in one.photo_ids] + extra
    (out / LISTINGS).write_text(_listings_table(rows), encoding="utf-8", newline="\r\n")
    (out / PHOTOS_TABLE).write_text(_photos_table(photo_rows), encoding="utf-8", newline="")
    return SampleCatalogue(out, tuple(photographed), len(photo_rows))


def render_photos(listings: Sequence[SampleListing], folder: Path, progress: Progress | None) -> None:
    """Write both photos of each listing, in threads: drawing and encoding mostly release the interpreter lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(lambda listing: render_listing(listing, folder), listings), start=1):
            if progress is not None:
                progress("render photos", done, len(listings))


def render_listing(listing: SampleListing, folder: Path) -> None:
    """Write both photos of a listing, each atomically."""
    files = [folder / f"{photo_id}.jpg" for photo_id in listing.photo_ids]
    canvas, rng = Canvas(), np.random.default_rng(listing.seed)
    listing.kind.draw(canvas, listing.look)
    backgrounds = [str(background) for background in rng.permutation(BACKGROUNDS)]
    contents = [_encode(take_photo(canvas.image, background, rng), rng) for background in backgrounds[: len(files)]]
    for number, edit in enumerate(listing.edits):
        own_rng = np.random.default_rng([listing.seed, 2, number])
        if edit == TAKEN_AGAIN:
            contents[number] = _encode(take_photo(canvas.image, backgrounds[len(files) + number], own_rng), own_rng)
        else:
            contents[number] = edited(_upright(contents[number]), edit, own_rng)
    for file, content in zip(files, contents, strict=True):
        partial = file.with_suffix(f".{uuid4().hex[:8]}.partial")
        partial.write_bytes(content)
        partial.replace(file)


def _upright(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def _encode(photo: Image.Image, rng: np.random.Generator) -> bytes:
    """Return the photo as a JPEG; a few get bars, or are rotated with an EXIF orientation."""
    chance, out, exif = rng.random(), io.BytesIO(), Image.Exif()
    if chance < _LETTERBOXED:
        bars = "white" if rng.random() < 0.7 else "black"
        photo = ImageOps.pad(photo, (max(photo.size),) * 2, color=bars)
    elif chance < _LETTERBOXED + _ROTATED:
        photo = photo.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6
    photo.save(out, "JPEG", quality=int(rng.integers(70, 93)), exif=exif)
    return out.getvalue()


def _listings_table(rows: Iterable[ListingRow]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")  # writing the file turns every line break into CRLF
    writer.writerow(_LISTING_HEADER)
    for number, row in enumerate(rows):
        head = (number, row.listing_id, row.title, row.category)
        tail = (row.price, row.location, row.seller, row.listed_at)
        if row.unquoted:
            out.write(f"{_csv_line(head)},{row.description},{_csv_line(tail)}\n")
        else:
            writer.writerow((*head, row.description, *tail))
    return out.getvalue()


def _photos_table(rows: Iterable[PhotoRow]) -> str:
    lines = [_PHOTO_HEADER, *((number, row.photo_id, row.listing_id) for number, row in enumerate(rows))]
    return "".join(f"{_csv_line(line)}\n" for line in lines)


def _csv_line(fields: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()
