"""Feeds for tests: listings files with photos, written and loaded in one step."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from db.rows import jobs, photos
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.worlds import adds_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from db.rows.records import RejectedRecord, WarningRecord
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources

HEADER = ("id", "product_name", "category", "product_description", "price", "location", "pics")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a job counted and reported."""

    summary: IngestSummary
    rejects: list[RejectedRecord]
    warnings: list[WarningRecord]
    """Without `no_photo_used`, which `unused_photos` has: every feed here has photos, and many tests use none."""
    unused_photos: list[WarningRecord]

    def photos(self, *outcomes: str) -> list[int]:
        """Return counts of photos, such as `new` and `removed`."""
        return [self.summary.counts[f"photos_{outcome}"] for outcome in outcomes]


@dataclass(slots=True)
class ShopFeed:
    """A folder with a listings file, a photo table and photos."""

    folder: Path
    resources: Resources
    options: dict[str, Any] = field(default_factory=dict)

    def photo(self, name: str, content: bytes) -> None:
        (self.folder / "photos").mkdir(parents=True, exist_ok=True)
        (self.folder / "photos" / f"{name}.jpg").write_bytes(content)

    def lose(self, name: str) -> None:
        (self.folder / "photos" / f"{name}.jpg").unlink()

    def load(
        self,
        rows: Sequence[Sequence[str]],
        *,
        table: Sequence[Sequence[str]] | str | None = None,
        header: Sequence[str] = HEADER,
        columns: ListingColumns | None = None,
        **options: Any,
    ) -> Loaded:
        """Load listings, and a photo table if there is one, without embedding the photos."""
        return self._load(self._inputs(rows, table, header, columns or ListingColumns(photos="pics"), options))

    def load_file(self, path: Path, columns: Columns) -> Loaded:
        """Load the listings of a file in another format."""
        return self._load(IngestInputs(path, photos=self.folder / "photos", options=IngestOptions(columns=columns)))

    def _load(self, inputs: IngestInputs) -> Loaded:
        job_id = create_ingest_job(self.resources, inputs)
        summary = load_files(self.resources, job_id, inputs, silent).summary()
        assert adds_up(summary)
        with self.resources.database.read() as session:
            told = list(jobs.warnings_of(session, job_id))
            unused = [one for one in told if one.flag == "no_photo_used"]
            rejects = list(jobs.rejects_of(session, job_id))
        return Loaded(summary, rejects, [one for one in told if one not in unused], unused)

    def _inputs(self, rows: Any, table: Any, header: Any, columns: ListingColumns, options: Any) -> IngestInputs:
        (self.folder / "photos").mkdir(parents=True, exist_ok=True)
        _write(self.folder / "shop.csv", [header, *rows])
        if isinstance(table, str):
            (self.folder / "table.csv").write_text(table)
        elif table is not None:
            _write(self.folder / "table.csv", [("id", "product_id"), *table])
        return IngestInputs(
            self.folder / "shop.csv",
            self.folder / "table.csv" if table is not None else None,
            self.folder / "photos",
            IngestOptions(columns=Columns(listings=columns), **options),
        )

    def stored(self, listing_id: str) -> dict[str, str]:
        """Return the SHA-256 of the bytes of the listing's photos as they came, by external id."""
        with self.resources.database.read() as session:
            rows = photos.photos_of(session, [listing_id])
            return {row.external_id: photos.bytes_key(row) for row in rows}

    @staticmethod
    def hashes(photos: dict[str, bytes]) -> dict[str, str]:
        """Return the SHA-256 of each photo's bytes, by external id."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in photos.items()}

    def names(self, listing_id: str) -> list[str]:
        """Return the external ids of the listing's photos."""
        return list(self.stored(listing_id))


def row(
    listing_id: str, pics: str = "", *, title: str = "Chair", category: str = "Home", price: str = "£1"
) -> list[str]:
    """One row of the listings file."""
    return [listing_id, title, category, "", price, "", pics]


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
