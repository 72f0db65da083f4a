"""Eight writers change the same listings while two workers embed: no change is lost or mixed with another."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from db.models import PhotoState
from db.rows import listings, photos
from services.errors import Conflict, ResourceNotFound
from services.indexing.consistency import drift
from services.ingest.pipeline.changes import ListingChanges
from services.ingest.pipeline.listing_input import ListingInput
from tests.databases import new_database
from tests.faults.shop import commanding, wait_until_embedded
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

LISTINGS, WRITERS, CHANGES = 4, 8, 10


@dataclass(frozen=True, slots=True)
class Bytes:
    """A `PhotoInput` made of bytes."""

    name: str
    bytes: bytes

    def content(self) -> bytes:
        return self.bytes


@pytest.fixture
def resources(request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle) -> Iterator[Resources]:
    with new_database(request.param, tmp_path) as database:
        url = database.engine.url.render_as_string(hide_password=False)
        with resources_in(tmp_path / "data", model=tiny_bundle, database_url=url) as opened:
            opened.ensure_generation()
            yield opened


def embedding(resources: Resources, folder: Path) -> AbstractContextManager[ForkServerProcess]:
    """Run a worker for the length of the block."""
    settings = {
        "LOOKALIKE_DATA_DIR": str(resources.settings.data_dir),
        "LOOKALIKE_DATABASE_URL": resources.settings.database_url,
        "LOOKALIKE_THREADS": "1",
    }
    return commanding("worker", folder=folder, **settings)


@pytest.mark.parametrize(
    "resources",
    [
        pytest.param("sqlite", marks=pytest.mark.slow),
        pytest.param("postgresql", marks=pytest.mark.postgres),
    ],
    indirect=True,
)
def test_every_listing_equals_its_last_write(resources: Resources, tmp_path: Path, jpeg: MakeJpeg) -> None:
    """Each change writes a title together with its photo, so both must match in the end."""
    changes = ListingChanges(resources, on_written=lambda: None)
    photo_of = {f"{writer}-{n}": jpeg(seed=100 * writer + n) for writer in range(WRITERS) for n in range(CHANGES)}

    def write(writer: int) -> None:
        for n in range(CHANGES):
            name = f"{writer}-{n}"
            changes.put(f"listing-{n % LISTINGS}", ListingInput(name, "Home"), [Bytes("photo.jpg", photo_of[name])])

    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(embedding(resources, tmp_path))
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
        wait_until_embedded(resources)
    resources.live.refresh()
    with resources.database.read() as session:
        for number in range(LISTINGS):
            (listing,) = listings.listings_by_id(session, [f"listing-{number}"])
            (photo,) = photos.photos_of(session, [listing.id])
            assert photo.sha256 == hashlib.sha256(photo_of[listing.title]).hexdigest()
            assert photo.state == PhotoState.EMBEDDED
    live = resources.live.current()
    for opened in live.opened.values():
        found = drift(resources.database, opened.index, model_version=live.generation.model_version)
        assert (found.is_empty, found.held) == (True, LISTINGS)


@pytest.mark.parametrize(
    "resources",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow])],
    indirect=True,
)
def test_concurrently_created_and_deleted_listings_exist_completely_or_not_at_all(
    resources: Resources, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    """Creations succeed as often as deletions, and once more if the listing exists in the end."""
    changes, outcomes = ListingChanges(resources, on_written=lambda: None), Counter[str]()

    def write(writer: int) -> None:
        for _ in range(CHANGES):
            try:
                if writer % 2:
                    changes.delete("lamp")
                    outcomes["deleted"] += 1
                else:
                    changes.create("lamp", ListingInput("Lamp", "Home"), [Bytes("a.jpg", jpeg(seed=writer))])
                    outcomes["added"] += 1
            except (Conflict, ResourceNotFound):
                outcomes["refused"] += 1

    with embedding(resources, tmp_path):
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
        wait_until_embedded(resources)
    resources.live.refresh()
    with resources.database.read() as session:
        there = listings.listing_count(session)
    assert outcomes["added"] - outcomes["deleted"] == there
    live = resources.live.current()
    assert all(opened.index.count() == there for opened in live.opened.values())
