"""The benchmark of copies edits real photos, finds them again, and counts what reviews decided."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from db import duplicates
from ml.photo_edits import EDITS
from services.cli.main import main
from services.errors import BadInput
from services.indexing.duplicates import DuplicateFinder
from services.ingest.duplicates_benchmark import DuplicateBenchmark, ReviewFigures, bench_finding
from services.ingest.progress import silent
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.duplicates import Decision
    from ml.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

LISTINGS = 8


@pytest.fixture
def resources(tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    """Listings 1, 2 and 3 have the photo of listing 0; of the others each has its own. All pairs are found."""
    shop = marketplace(tmp_path / "shop", jpeg, count=LISTINGS)
    for number in (1, 2, 3):
        shop.write_photo(f"photo-{number}-a", jpeg(seed=0))
    with resources_in(tmp_path / "data", model=tiny_bundle) as opened:
        opened.ensure_generation()
        ingest(opened, shop.inputs)
        DuplicateFinder(opened.database, opened.live, opened.photo_files).find()
        yield opened


def bench(resources: Resources) -> DuplicateBenchmark:
    return bench_finding(resources, limit=3, progress=silent)


def decide(resources: Resources, one: int, other: int, decision: Decision) -> None:
    with resources.database.write() as session:
        duplicates.decide(session, (f"listing-{one}", f"listing-{other}"), decision, key_id=None)


def test_each_photo_is_edited_in_every_way_and_looked_for_among_all(resources: Resources) -> None:
    measured = bench(resources)
    assert measured.gallery == 2 * LISTINGS
    assert measured.photos == 3
    assert {one.edit: one.copies for one in measured.edits} == dict.fromkeys(EDITS, 3)


def test_a_copy_that_is_only_encoded_anew_is_found_and_another_photo_is_not_called_a_copy(resources: Resources) -> None:
    figures = {one.edit: one for one in bench(resources).edits}["re-encoded"]
    assert figures.recall == 1
    assert figures.precision == 1


def test_what_was_decided_of_the_pairs_is_counted_by_their_verdict(resources: Resources) -> None:
    decide(resources, 0, 1, "accept")
    decide(resources, 0, 2, "accept")
    decide(resources, 1, 2, "reject")
    identical, edited = bench(resources).reviews
    assert identical == ReviewFigures("identical", pairs=6, accepted=2, rejected=1)
    assert identical.precision == pytest.approx(2 / 3)
    assert edited == ReviewFigures("same photo edited")


def test_precision_is_not_told_where_nobody_decided(resources: Resources) -> None:
    assert [one.precision for one in bench(resources).reviews] == [None, None]


def test_an_accepted_pair_that_is_found_no_more_is_counted_as_lost(resources: Resources) -> None:
    decide(resources, 0, 1, "accept")
    decide(resources, 4, 5, "accept")
    decide(resources, 4, 6, "reject")
    assert bench(resources).lost == 1


def test_without_photos_it_says_what_to_do(tmp_path: Path, tiny_bundle: Bundle) -> None:
    with resources_in(tmp_path / "empty", model=tiny_bundle) as opened:
        opened.ensure_generation()
        with pytest.raises(BadInput, match="Ingest some"):
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
