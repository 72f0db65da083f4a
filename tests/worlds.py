"""A small marketplace for tests: a listings file, a photo table, photos, and resources to ingest them with."""

from __future__ import annotations

import csv
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from services.ingest.loading.inputs import IngestInputs
from services.ingest.pipeline.ingest_job import IngestResult, create_ingest_job, run_ingest
from services.resources import Resources
from services.settings import Settings
from tests.databases import copy_migrated_sqlite, migrated_database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.ingest.loading.ledger import IngestSummary
    from tests.conftest import MakeJpeg

CATEGORIES = ("Home & Garden / Lamps", "Phones / Handsets", "Baby & Kids Stuff / Toys")


class Killed(BaseException):
    """Stands for the end of the process: no `except Exception` stops it."""


@dataclass(frozen=True, slots=True)
class Marketplace:
    """The files of a marketplace: `count` listings, two photos each. Listing n is `listing-n`."""

    folder: Path

    @property
    def inputs(self) -> IngestInputs:
        """The files, as an ingest takes them."""
        return IngestInputs(self.folder / "listings.csv", self.folder / "photos.csv", self.folder / "photos")

    def write_listings(self, rows: Sequence[Sequence[str]]) -> None:
        """Write the listings file: id, title, category, description, price, location."""
        header = ["id", "product_name", "category", "product_description", "price", "location"]
        self._write("listings.csv", [header, *rows])

    def write_photo_table(self, rows: Sequence[Sequence[str]]) -> None:
        """Write the photo table: photo id, listing id."""
        self._write("photos.csv", [["id", "product_id"], *rows])

    def write_photo(self, photo_id: str, content: bytes) -> None:
        """Write one photo's file."""
        (self.folder / "photos" / f"{photo_id}.jpg").write_bytes(content)

    def _write(self, name: str, rows: Sequence[Sequence[str]]) -> None:
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def listing_row(number: int, *, price: str = "") -> list[str]:
    """One row of the listings file."""
    category = CATEGORIES[number % len(CATEGORIES)]
    return [
        f"listing-{number}",
        f"Item {number}",
        category,
        "As new",
        price or f"£{number + 1}.00",
        "Delph, Manchester",
    ]


def marketplace(folder: Path, jpeg: MakeJpeg, *, count: int = 6) -> Marketplace:
    """Write `count` listings with two photos each."""
    (folder / "photos").mkdir(parents=True)
    made = Marketplace(folder)
    made.write_listings([listing_row(number) for number in range(count)])
    made.write_photo_table([(f"photo-{n}-{side}", f"listing-{n}") for n in range(count) for side in "ab"])
    for number in range(count):
        for offset, side in enumerate("ab"):
            made.write_photo(f"photo-{number}-{side}", jpeg(seed=2 * number + offset))
    return made


@contextmanager
def resources_in(
    folder: Path,
    *,
    model: Bundle | None = None,
    database_url: str = "",
    qdrant_url: str = "",
    like: Path | None = None,
) -> Iterator[Resources]:
    """Give resources whose data lies in `folder`; with a model, it is the one to start with.

    `like` is a data directory, closed, that `folder` becomes a copy of.
    """
    if like is not None:
        copy_folder(like, folder)
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        model=model.path if model else None,
        database_url=database_url,
        qdrant_url=qdrant_url,
        threads=2,
    )
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        copy_migrated_sqlite(settings.sqlite_file)
    resources = Resources(settings)
    try:
        yield resources
    finally:
        resources.close()


@contextmanager
def live_resources(
    kind: str,
    folder: Path,
    model: Bundle,
    *,
    like: Path,
    prepare: Callable[[Resources], object] = Resources.ensure_generation,
) -> Iterator[Resources]:
    """Yield resources on SQLite or PostgreSQL, with the contents of a closed SQLite data directory.

    On SQLite they are a copy of the directory `like`; on PostgreSQL, `prepare` makes the same contents: by default an
    empty live generation.
    """
    if kind == "sqlite":
        with resources_in(folder / "data", model=model, like=like) as opened:
            yield opened
        return
    with (
        migrated_database_url(kind, folder) as url,
        resources_in(folder / "data", model=model, database_url=url) as opened,
    ):
        prepare(opened)
        yield opened


_ZEROS = bytes(1 << 16)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder that no longer changes. Holes stay holes: a shard of Qdrant Edge of 1 MB seems to have 160 MB."""
    for name, size, parts in _contents(source):
        if parts is None:
            (target / name).mkdir(parents=True, exist_ok=True)
            continue
        with (target / name).open("wb") as file:
            for start, content in parts:
                file.seek(start)
                file.write(content)
            file.truncate(size)


@cache
def _contents(folder: Path) -> list[tuple[str, int, list[tuple[int, bytes]] | None]]:
    """Names, sizes and parts of files; folders have no parts, and come before what is in them."""
    paths = (folder, *sorted(folder.rglob("*")))
    return [
        (str(path.relative_to(folder)), path.stat().st_size, None if path.is_dir() else _parts(path)) for path in paths
    ]


def _parts(path: Path) -> list[tuple[int, bytes]]:
    """The blocks of a file that are not all zeros, each with its offset."""
    found, at = [], 0
    with path.open("rb") as file:
        while True:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                return found
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            for offset in range(start, at, len(_ZEROS)):  # in memory, pages that were only read are no holes
                block = os.pread(file.fileno(), min(len(_ZEROS), at - offset), offset)
                if not _ZEROS.startswith(block):
                    found.append((offset, block))


def adds_up(summary: IngestSummary) -> bool:
    """Whether every record has exactly one outcome."""
    counts = summary.counts
    return all(
        counts[f"{kind}_read"] == sum(counts[f"{kind}_{outcome}"] for outcome in ("accepted", "rejected", "duplicates"))
        for kind in ("listings", "photos")
    )


def ingest(resources: Resources, inputs: IngestInputs) -> IngestResult:
    """Run one ingest job."""
    return run_ingest(resources, create_ingest_job(resources, inputs), inputs)
