"""The benchmark of copies edits real photos, finds them again, and counts what reviews decided."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from db.rows import duplicates
from services.bench.duplicates import DuplicateBenchmark, ReviewFigures, bench_finding
from services.bench.photo_edits import EDITS
from services.cli.main import main
from services.errors import BadInput
from services.indexing.duplicate_finder import DuplicateFinder
from services.ingest.pipeline.progress import silent
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.rows.duplicates import Decision
    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

LISTINGS = 8


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg) -> Path:
    """Listings 1, 2 and 3 have the photo of listing 0; of the others each has its own. All pairs are found."""
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
def undecided(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, compared: Path) -> DuplicateBenchmark:
    """What is measured where nobody decided anything."""
    with resources_in(tmp_path_factory.mktemp("undecided") / "data", model=tiny_bundle, like=compared) as opened:
        return bench(opened)


def bench(resources: Resources, *, limit: int = 3) -> DuplicateBenchmark:
    return bench_finding(resources, limit=limit, progress=silent)


def decide(resources: Resources, one: int, other: int, decision: Decision) -> None:
    with resources.database.write() as session:
        duplicates.decide(session, (f"listing-{one}", f"listing-{other}"), decision, key_id=None)


def test_each_photo_is_edited_in_every_way_and_looked_for_among_all(undecided: DuplicateBenchmark) -> None:
    assert undecided.gallery == 2 * LISTINGS
    assert undecided.photos == 3
    assert {one.edit: one.copies for one in undecided.edits} == dict.fromkeys(EDITS, 3)


def test_a_copy_that_is_only_encoded_anew_is_found_and_another_photo_is_not_called_a_copy(
    undecided: DuplicateBenchmark,
) -> None:
    figures = {one.edit: one for one in undecided.edits}["re-encoded"]
    assert figures.recall == 1
    assert figures.precision == 1


def test_precision_is_not_told_where_nobody_decided(undecided: DuplicateBenchmark) -> None:
    assert [one.precision for one in undecided.reviews] == [None, None]


def test_decisions_are_counted_by_verdict_and_an_accepted_pair_that_is_not_found_as_lost(resources: Resources) -> None:
    decide(resources, 0, 1, "accept")
    decide(resources, 0, 2, "accept")
    decide(resources, 1, 2, "reject")
    decide(resources, 4, 5, "accept")
    decide(resources, 4, 6, "reject")
    measured = bench(resources, limit=1)
    identical, edited = measured.reviews
    assert identical == ReviewFigures("identical", pairs=6, accepted=2, rejected=1)
    assert identical.precision == pytest.approx(2 / 3)
    assert edited == ReviewFigures("same photo edited")
    assert measured.lost == 1


def test_without_photos_it_says_what_to_do(tmp_path: Path, tiny_bundle: Bundle, live_data: Path) -> None:
    with (
        resources_in(tmp_path / "empty", model=tiny_bundle, like=live_data) as opened,
        pytest.raises(BadInput, match="Ingest some"),
    ):
        bench(opened)


def test_the_command_prints_every_edit_and_every_verdict(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    decide(resources, 0, 1, "accept")
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(resources.settings.data_dir))
    printed = run(["--limit=1"], monkeypatch, capsys)
    assert "mirrored" in printed
    assert "0 pairs that a review accepted are not found now" in printed
    told = json.loads(run(["--limit=1", "--json"], monkeypatch, capsys))
    assert [one["edit"] for one in told["edits"]] == list(EDITS)
    assert told["reviews"][0] == {"verdict": "identical", "pairs": 6, "accepted": 1, "rejected": 0}


def run(options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["lookalike", "bench", "duplicates", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return capsys.readouterr().out
