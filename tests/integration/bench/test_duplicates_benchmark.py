"""The duplicates benchmark edits photos, searches for their originals, and counts the review decisions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from db.rows import duplicates
from ml.sample.photo_edits import EDITS
from services.bench.duplicates import DuplicateBenchmark, ReviewFigures, measure_duplicates
from services.errors import BadInput
from services.indexing.duplicate_finder import DuplicateFinder
from services.ingest.pipeline.progress import silent
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.rows.review_groups import Decision
    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg

LISTINGS = 8


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg) -> Path:
    """Listings 1, 2 and 3 share a photo with listing 0; the others share none. All pairs have been found."""
    folder = tmp_path_factory.mktemp("compared")
    shop = marketplace(folder / "shop", jpeg, count=LISTINGS)
    for number in (1, 2, 3):
        shop.write_photo(f"photo-{number}-a", jpeg(seed=0))
    with resources_in(folder / "data", model=tiny_bundle, like=live_data) as opened:
        ingest(opened, shop.inputs)
        DuplicateFinder(opened.database, opened.live, opened.photo_files).find()
    return folder / "data"


@pytest.fixture
def resources(tmp_path: Path, tiny_bundle: Bundle, compared: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data", model=tiny_bundle, like=compared) as opened:
        yield opened


@pytest.fixture(scope="module")
def unreviewed(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, compared: Path) -> DuplicateBenchmark:
    """The results when no pair has been reviewed."""
    with resources_in(tmp_path_factory.mktemp("unreviewed") / "data", model=tiny_bundle, like=compared) as opened:
        return bench(opened)


def bench(resources: Resources, *, limit: int = 3) -> DuplicateBenchmark:
    return measure_duplicates(resources, limit=limit, progress=silent)


def decide(resources: Resources, one: int, other: int, decision: Decision) -> None:
    with resources.database.write() as session:
        duplicates.decide(session, (f"listing-{one}", f"listing-{other}"), decision, key_id=None)


def test_edits_each_photo_in_every_way_and_searches_among_all(unreviewed: DuplicateBenchmark) -> None:
    assert unreviewed.gallery == 2 * LISTINGS
    assert unreviewed.photos == 3
    assert {one.edit: one.copies for one in unreviewed.edits} == dict.fromkeys(EDITS, 3)


def test_recognises_re_encoded_copies_and_no_other_photo(
    unreviewed: DuplicateBenchmark,
) -> None:
    figures = {one.edit: one for one in unreviewed.edits}["re-encoded"]
    assert figures.recall == 1
    assert figures.precision == 1


def test_reports_no_precision_without_reviews(unreviewed: DuplicateBenchmark) -> None:
    assert [one.precision for one in unreviewed.reviews] == [None, None]


def test_counts_decisions_by_verdict_and_accepted_pairs_that_are_no_longer_found(resources: Resources) -> None:
    decide(resources, 0, 1, "accept")
    decide(resources, 1, 2, "reject")  # then listing 0 differs from listing 2 as well
    decide(resources, 4, 5, "accept")
    decide(resources, 4, 6, "reject")
    measured = bench(resources, limit=1)
    identical, edited = measured.reviews
    assert identical == ReviewFigures("identical", pairs=6, accepted=1, rejected=2)
    assert identical.precision == pytest.approx(1 / 3)
    assert edited == ReviewFigures("same photo edited")
    assert measured.lost == 1


def test_suggests_ingesting_when_there_are_no_photos(tmp_path: Path, tiny_bundle: Bundle, live_data: Path) -> None:
    with (
        resources_in(tmp_path / "empty", model=tiny_bundle, like=live_data) as opened,
        pytest.raises(BadInput, match="lookalike ingest"),
    ):
        bench(opened)


def test_the_command_prints_every_edit_and_verdict(
    lookalike: RunCommand, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(resources, 0, 1, "accept")
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(resources.settings.data_dir))
    text = lookalike("bench", "duplicates", "--limit=1")
    assert text.code == 0
    assert "mirrored" in text.out
    assert "0 accepted pairs are no longer found" in text.out
    figures = json.loads(lookalike("bench", "duplicates", "--limit=1", "--json").out)
    assert [one["edit"] for one in figures["edits"]] == list(EDITS)
    assert figures["reviews"][0] == {"verdict": "identical", "pairs": 6, "accepted": 1, "rejected": 0}
