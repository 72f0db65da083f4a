"""Generated feeds: whatever a feed looks like, its values arrive as they are, or what happened to them is told.

Each test tries the same few feeds every time; `make test-all` tries 300 new ones. For more:

    LOOKALIKE_TEST_FEEDS=10000 python -m pytest --timeout 0 tests/integration/feeds/test_generated_feeds.py
"""

from __future__ import annotations

import csv
import html
import os
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from db.rows import jobs, listings, photos
from services.errors import ListingsFileError
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.photos.sources import FolderPhotos
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent
from tests.integration.feeds import exports, writers
from tests.integration.feeds import items as drawing
from tests.worlds import adds_up, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.models import Listing
    from db.rows.records import RejectedRecord, WarningRecord
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.integration.feeds.items import Item

FEEDS = os.environ.get("LOOKALIKE_TEST_FEEDS", "")
GENERATED = settings(
    max_examples=int(FEEDS or 12),
    derandomize=not FEEDS,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

MAPPED = Columns(ListingColumns(photos="photos"))
_feeds = count()


@dataclass(frozen=True, slots=True)
class FeedWorld:
    """A marketplace without a model, and a folder of photos."""

    resources: Resources
    photo_folder: Path
    feed_folder: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an ingest left of a feed: listings by id with the names of their photos, and what it told."""

    summary: IngestSummary
    listings: dict[str, Listing]
    photos: dict[str, set[str]]
    rejects: list[RejectedRecord]
    warnings: list[WarningRecord]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg) -> Iterator[FeedWorld]:
    folder = tmp_path_factory.mktemp("world")
    for name in ("photos", "feeds"):
        (folder / name).mkdir()
    for seed, name in enumerate(drawing.PHOTOS):
        (folder / "photos" / name).write_bytes(jpeg(seed, width=16, height=16))
    with resources_in(folder / "data") as resources:
        yield FeedWorld(resources, folder / "photos", folder / "feeds")


@st.composite
def rows_of(draw: st.DrawFn, sold: list[Item]) -> list[dict[str, str]]:
    """Write each item as a row, with one notation for a whole file, as exports have."""
    price, date = draw(st.sampled_from(drawing.PRICE_NOTATIONS)), draw(st.sampled_from(drawing.DATE_NOTATIONS))
    category, names = draw(st.sampled_from(drawing.CATEGORY_NOTATIONS)), draw(st.sampled_from(drawing.PHOTO_NOTATIONS))
    return [
        {
            "id": item.id,
            "product_name": item.title,
            "category": category(item.category_path),
            "product_description": item.description,
            "price": "" if item.amount is None or item.currency is None else price(item.amount, item.currency),
            "location": item.location,
            "listed_at": "" if item.listed_at is None else date(item.listed_at),
            "photos": names(item.photos) if item.photos else "",
        }
        for item in sold
    ]


@st.composite
def catalogues(draw: st.DrawFn) -> list[Item]:
    prefix = f"F{next(_feeds)}-"
    drawn = [draw(drawing.items(number)) for number in range(1, draw(st.integers(2, 6)))]
    return [replace(item, id=prefix + item.id) for item in drawn]


class ByUrl(FolderPhotos):
    """The photos of a folder under URLs of a shop's server."""

    def find(self, id_or_name: str) -> str | None:
        return id_or_name if id_or_name.startswith("https:") else super().find(id_or_name)

    def read(self, name: str) -> bytes:
        return super().read(name.rpartition("/")[2])


def ingest(world: FeedWorld, path: Path, columns: Columns) -> Outcome:
    inputs = IngestInputs(path, options=IngestOptions(columns))
    job_id = create_ingest_job(world.resources, inputs)
    ledger = load_files(world.resources, job_id, inputs, silent, source=ByUrl(world.photo_folder))
    with world.resources.database.read() as session:
        rejects, warnings = list(jobs.rejects_of(session, job_id)), list(jobs.warnings_of(session, job_id))
        return Outcome(ledger.summary(), {}, {}, rejects, warnings)


def stored(world: FeedWorld, outcome: Outcome, sold: list[Item]) -> Outcome:
    with world.resources.database.read() as session:
        found = {row.id: row for row in listings.listings_by_id(session, [item.id for item in sold])}
        named: dict[str, set[str]] = {listing_id: set() for listing_id in found}
        for photo in photos.photos_of(session, list(found)):
            named[photo.listing_id].add(photo.source.rpartition("/")[2])
    return replace(outcome, listings=found, photos=named)


def wrong_values(outcome: Outcome, sold: list[Item]) -> list[str]:
    """Return what differs from the truth without a word: neither rejected nor told in a warning of that field."""
    told = {(warning.record_id, warning.field) for warning in outcome.warnings}
    rejected = {reject.record_id for reject in outcome.rejects}
    wrong = []
    for item in sold:
        row = outcome.listings.get(item.id)
        if row is None:
            lost = item.id not in rejected and not any(item.id in reject.text for reject in outcome.rejects)
            wrong += [f"{item.id} is lost"] if lost else []
            continue
        pairs = {
            "title": (" ".join(item.title.split()), row.title),
            "description": (item.description.split(), row.description.split()),
            "category": (list(item.category_path), row.category_path),
            "price": ((item.amount, item.currency), (row.price, row.currency)),
            "location": (item.location, row.location),
            "listed_at": (item.listed_at, row.listed_at),
        }
        wrong += [
            f"{item.id} {field}: {was!r} became {became!r}"
            for field, (was, became) in pairs.items()
            if was != became and (item.id, field) not in told
        ]
        if outcome.photos[item.id] != set(item.photos):
            wrong.append(f"{item.id} photos: {item.photos} became {outcome.photos[item.id]}")
    return wrong


def check(
    world: FeedWorld, path: Path, sold: list[Item], *, columns: Columns | None = None, read: int | None
) -> Outcome:
    columns = columns or MAPPED
    outcome = stored(world, ingest(world, path, columns), sold)
    path.unlink()
    assert wrong_values(outcome, sold) == []
    assert adds_up(outcome.summary)
    if read is not None:
        assert outcome.summary.counts["listings_read"] == read
    return outcome


@given(st.data())
@GENERATED
def test_files_by_other_programs_arrive_as_they_are(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    write = data.draw(st.sampled_from(writers.WRITERS))
    path = write(world.feed_folder / "feed", data.draw(rows_of(sold)))
    outcome = check(world, path, sold, read=len(sold))
    assert outcome.rejects == []


@given(st.data())
@GENERATED
def test_every_dialect_of_csv_arrives_as_it_is(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    delimiter = data.draw(st.sampled_from(list(writers.NAMES_OF_DELIMITERS)))
    text = writers.csv_text(
        data.draw(rows_of(sold)),
        delimiter=delimiter,
        quoting=data.draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))),
        line_end=data.draw(st.sampled_from(("\n", "\r\n"))),
    )
    if data.draw(st.booleans()):
        text = f"sep={delimiter}\n{text}"
    path = world.feed_folder / f"feed{writers.NAMES_OF_DELIMITERS[delimiter]}"
    path.write_bytes(text.encode(data.draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16")))))
    outcome = check(world, path, sold, read=len(sold))
    assert outcome.rejects == []


@given(st.data())
@GENERATED
def test_a_file_that_quotes_nothing_is_read_right_or_rejected(world: FeedWorld, data: st.DataObject) -> None:
    sold = [replace(item, description=" ".join(item.description.split())) for item in data.draw(catalogues())]
    delimiter = data.draw(st.sampled_from(",;\t"))
    path = world.feed_folder / "feed.csv"
    path.write_text(writers.unquoted_text(data.draw(rows_of(sold)), delimiter=delimiter))
    check(world, path, sold, read=None)


@given(st.data())
@GENERATED
def test_cells_beyond_the_header_change_nothing(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    header, *lines = writers.csv_text(
        [
            row | {"product_description": " ".join(row["product_description"].split())}
            for row in data.draw(rows_of(sold))
        ]
    ).splitlines()
    more = [line + "," * data.draw(st.integers(0, 3)) for line in lines]
    path = world.feed_folder / "feed.csv"
    path.write_text("\n".join([header, *more]) + "\n")
    outcome = check(world, path, sold, read=len(sold))
    priced = {item.id for item in sold if item.amount is not None and item.listed_at is None}
    assert [reject for reject in outcome.rejects if reject.record_id in priced] == []


@given(st.data())
@GENERATED
def test_backslashes_of_a_database_dump_are_read(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    sold[0] = replace(sold[0], description="")  # its `\\N` shows that backslashes are escapes
    path = world.feed_folder / "feed.tsv"
    path.write_text(writers.escaped_text(data.draw(rows_of(sold))))
    check(world, path, sold, read=len(sold))


@given(st.data())
@GENERATED
def test_html_entities_are_decoded(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    texts = ("product_name", "product_description", "category", "location")
    rows = [
        {name: html.escape(cell) if name in texts else cell for name, cell in row.items()}
        for row in data.draw(rows_of(sold))
    ]
    path = world.feed_folder / "feed.csv"
    path.write_text(writers.csv_text(rows))
    outcome = check(world, path, sold, read=len(sold))
    assert outcome.rejects == []


@given(st.data())
@GENERATED
def test_a_row_per_photo_gives_one_listing_with_all_photos(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    keeps_cells = data.draw(st.booleans())
    rows = []
    for item, row in zip(sold, data.draw(rows_of(sold)), strict=True):
        blank = row if keeps_cells else dict.fromkeys(row, "") | {"id": row["id"]}
        rows += [(blank if at else row) | {"photos": photo} for at, photo in enumerate(item.photos or ("",))]
    path = world.feed_folder / "feed.csv"
    path.write_text(writers.csv_text(rows))
    outcome = check(world, path, sold, read=len(rows))
    assert outcome.rejects == []


@given(st.data())
@GENERATED
def test_a_file_that_is_cut_off_loses_only_its_end(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    text = writers.csv_text(data.draw(rows_of(sold)))
    header = text.index("\n") + 1
    path = world.feed_folder / "feed.csv"
    path.write_text(text[: data.draw(st.integers(header + 1, len(text)))])
    inputs = IngestInputs(path, photos=world.photo_folder, options=IngestOptions(MAPPED))
    job_id = create_ingest_job(world.resources, inputs)
    assert adds_up(load_files(world.resources, job_id, inputs, silent).summary())


@given(st.data())
@GENERATED
def test_bytes_of_another_encoding_are_told(world: FeedWorld, data: st.DataObject) -> None:
    sold = data.draw(catalogues())
    text = writers.csv_text(data.draw(rows_of(sold)))
    path = world.feed_folder / "feed.csv"
    path.write_bytes(text.encode("cp1252", "replace"))
    try:
        outcome = stored(world, ingest(world, path, MAPPED), sold)
    except ListingsFileError:
        return
    assert adds_up(outcome.summary)
    assert [line for line in wrong_values(outcome, sold) if "photos" not in line and "?" not in line] == []


@pytest.mark.parametrize("export", exports.EXPORTS)
@given(st.data())
@GENERATED
def test_exports_are_recognised_and_arrive_as_they_are(world: FeedWorld, export: str, data: st.DataObject) -> None:
    gives_currency = export == "google"
    sold = [
        replace(item, location="", listed_at=None, currency=item.currency if gives_currency else None)
        for item in data.draw(catalogues())
    ]
    rows = exports.EXPORTS[export](sold)
    delimiter = data.draw(st.sampled_from(",\t;"))
    path = world.feed_folder / f"feed{writers.NAMES_OF_DELIMITERS[delimiter]}"
    path.write_text(writers.csv_text(rows, delimiter=delimiter))
    outcome = check(world, path, sold, columns=Columns(), read=len(rows))
    assert outcome.rejects == []
    assert [warning.after for warning in outcome.warnings if warning.flag == "preset_chosen"] == [export]
    assert all(outcome.listings[item.id].attributes.get("brand", "") == item.brand for item in sold)
