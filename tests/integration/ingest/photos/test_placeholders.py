"""Placeholder pictures are set aside: neither embedded, nor indexed, nor compared, and told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.models import PhotoState
from db.rows import duplicates, embeddings, jobs, photos, placeholders
from db.rows.duplicates import PhotoCopy
from db.rows.embeddings import NewEmbedding
from db.rows.photo_queue import PhotoRef
from services.indexing.consistency import drift
from services.ingest.pipeline.changes import ListingChanges
from services.ingest.pipeline.listing_input import ListingInput
from tests.databases import on_both, on_both_slowly
from tests.worlds import adds_up, ingest, listing_row, live_resources, marketplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace

LISTINGS = 6
"""Each has a photo of its own, a, and the same picture, b."""


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, live_data: Path
) -> Iterator[Resources]:
    kind = getattr(request, "param", "sqlite")
    with live_resources(kind, tmp_path, tiny_bundle, like=live_data) as opened:
        opened.settings.placeholder_listings = LISTINGS
        yield opened


@pytest.fixture
def shop(tmp_path: Path, jpeg: MakeJpeg) -> Marketplace:
    made = marketplace(tmp_path / "shop", jpeg, count=LISTINGS)
    for number in range(LISTINGS):
        made.write_photo(f"photo-{number}-b", jpeg(seed=1000))
    return made


def states(resources: Resources) -> dict[str, str]:
    """Return the state of each photo by its name."""
    with resources.database.read() as session:
        rows = photos.photos_of(session, [f"listing-{number}" for number in range(LISTINGS)])
        return {row.external_id: row.state for row in rows}


def figures(summary: IngestSummary) -> tuple[int, int, int]:
    assert adds_up(summary)
    counts = summary.counts
    return counts["photos_embedded"], counts["photos_set_aside"], summary.warnings.get("placeholder_photo", 0)


def holds_what_the_database_says(resources: Resources) -> bool:
    resources.live.refresh()
    live = resources.live.current()
    version = live.generation.model_version
    return all(drift(resources.database, one.index, model_version=version).is_empty for one in live.opened.values())


@on_both
def test_sets_a_picture_of_many_listings_aside(resources: Resources, shop: Marketplace) -> None:
    summary = ingest(resources, shop.inputs).summary
    assert figures(summary) == (LISTINGS, LISTINGS, 1)
    assert {name: state for name, state in states(resources).items() if state == "set_aside"} == {
        f"photo-{number}-b": "set_aside" for number in range(LISTINGS)
    }
    with resources.database.read() as session:
        (warning,) = jobs.warnings_of(session, summary.job_id)
    assert (warning.file, warning.line, warning.before) == (
        "listings.csv",
        0,
        "6 listings share one photo, for example listing-0",
    )
    assert figures(ingest(resources, shop.inputs).summary) == (0, 0, 0)


@on_both_slowly
def test_takes_embedded_photos_out_of_the_indexes_and_back(resources: Resources, shop: Marketplace) -> None:
    resources.settings.placeholder_listings = 0
    assert figures(ingest(resources, shop.inputs).summary) == (2 * LISTINGS, 0, 0)
    resources.settings.placeholder_listings = LISTINGS
    assert figures(ingest(resources, shop.inputs).summary) == (0, LISTINGS, 1)
    version = resources.live.current().generation.model_version
    with resources.database.read() as session:
        assert len(embeddings.embedded_ids(session, model_version=version)) == LISTINGS
        assert embeddings.missing_count(session, model_version=version) == 0
        assert len(photos.labelled_photos(session)) == LISTINGS
    assert holds_what_the_database_says(resources)
    resources.settings.placeholder_listings = 0
    assert figures(ingest(resources, shop.inputs).summary) == (LISTINGS, 0, 0)
    assert holds_what_the_database_says(resources)


def test_embeds_the_photos_again_that_fewer_listings_share(
    resources: Resources, shop: Marketplace, jpeg: MakeJpeg
) -> None:
    ingest(resources, shop.inputs)
    shop.write_photo("photo-0-b", jpeg(seed=2000))
    assert figures(ingest(resources, shop.inputs).summary) == (LISTINGS, 0, 0)
    assert set(states(resources).values()) == {"embedded"}


@pytest.mark.parametrize(
    ("title", "category"), [("Lamp", None), (None, "Phones / Handsets")], ids=["one title", "one category of several"]
)
def test_keeps_a_photo_that_related_listings_share(
    resources: Resources, shop: Marketplace, title: str | None, category: str | None
) -> None:
    rows = [listing_row(number) for number in range(LISTINGS)]
    related = [[row[0], title or row[1], category or row[2], *row[3:]] for row in rows]
    shop.write_listings([*related, ["other", "Other", "Home & Garden", "", "", ""]])
    assert figures(ingest(resources, shop.inputs).summary) == (2 * LISTINGS, 0, 0)


def test_needs_no_second_category_in_a_catalogue_of_one(resources: Resources, shop: Marketplace) -> None:
    shop.write_listings([[*listing_row(number)[:2], "Lamps", "", "", ""] for number in range(LISTINGS)])
    assert figures(ingest(resources, shop.inputs).summary) == (LISTINGS, LISTINGS, 1)


@on_both_slowly
def test_sets_a_known_placeholder_aside_when_a_single_listing_brings_it(
    resources: Resources, shop: Marketplace, jpeg: MakeJpeg
) -> None:
    ingest(resources, shop.inputs)
    changes = ListingChanges(resources, on_written=lambda: None)
    inputs = [_Sent("none.jpg", jpeg(seed=1000)), _Sent("own.jpg", jpeg(seed=3000))]
    for _ in range(2):
        written = changes.put("new", ListingInput(title="New", category="Lamps"), inputs)
        assert {photo.external_id: photo.state for photo in written.photos} == {
            "none.jpg": PhotoState.SET_ASIDE,
            "own.jpg": PhotoState.PENDING,
        }


def test_a_worker_and_a_search_that_began_before_change_nothing(resources: Resources, shop: Marketplace) -> None:
    ingest(resources, shop.inputs)
    version = resources.live.current().generation.model_version
    with resources.database.write() as session:
        one, other = (photos.photos_of(session, [f"listing-{number}"])[1] for number in (0, 1))
        late = NewEmbedding(one.id or 0, one.sha256, np.ones(128, np.float32), "Lamps", 0.5, 1, 1, "0" * 16)
        assert embeddings.save_embeddings(session, [late], model_version=version) == 0
        copies = [PhotoCopy(other.id or 0, other.sha256, "identical", 1.0)]
        found = duplicates.save_search(session, PhotoRef(one.id or 0, one.sha256), copies, model_version=version)
        assert found == 0
    assert set(states(resources).values()) == {"embedded", "set_aside"}


def test_forgets_the_pairs_of_a_placeholder(resources: Resources, shop: Marketplace) -> None:
    resources.settings.placeholder_listings = 0
    ingest(resources, shop.inputs)
    version = resources.live.current().generation.model_version
    with resources.database.write() as session:
        one, other = (photos.photos_of(session, [f"listing-{number}"])[1] for number in (0, 1))
        copies = [PhotoCopy(other.id or 0, other.sha256, "identical", 1.0)]
        assert duplicates.save_search(session, PhotoRef(one.id or 0, one.sha256), copies, model_version=version) == 1
    with resources.database.write() as session:
        assert placeholders.set_aside(session, one.sha256, job_id="") == LISTINGS
        assert duplicates.links(session) == []


class _Sent:
    def __init__(self, name: str, content: bytes) -> None:
        self.name, self._content = name, content

    def content(self) -> bytes:
        return self._content
