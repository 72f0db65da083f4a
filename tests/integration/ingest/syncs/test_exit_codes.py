"""`lookalike ingest` in a schedule: its exit codes, and its JSON object."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from services.ingest.loading.inputs import IngestOptions
from services.ingest.loading.sync import only_sync
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands import RunCommand

HEADER = "id,product_name,category,product_description,price,location\n"
ABC = "".join(f"{name},Item,Phones,,£1,Leeds\n" for name in "abc")


class Scheduled:
    """Runs `lookalike ingest --json` on a feed."""

    def __init__(self, lookalike: RunCommand, folder: Path) -> None:
        self._lookalike, self._feed = lookalike, folder / "feed.csv"

    def run(self, rows: str, *options: str) -> tuple[int, dict[str, Any]]:
        self._feed.write_text(HEADER + rows)
        result = self._lookalike("ingest", str(self._feed), "--json", *options)
        report = json.loads(result.out)
        assert report["exit_code"] == result.code
        return result.code, report


@pytest.fixture
def scheduled(lookalike: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scheduled:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
    return Scheduled(lookalike, tmp_path)


def test_a_sync_that_is_done_exits_with_0_and_says_what_was_removed(scheduled: Scheduled) -> None:
    scheduled.run(ABC)
    code, report = scheduled.run("a,Item,Phones,,£1,Leeds\n", "--sync", "--max-removed", "70%")
    assert (code, report["error"], report["missing_ids"]) == (0, None, ["b", "c"])
    assert (report["counts"]["listings_removed"], report["warnings"]) == (2, {"removed": 2})
    assert report["seconds"] > 0


def test_too_many_rejects_exit_with_3_though_the_rest_is_done(scheduled: Scheduled) -> None:
    rows = ABC + "d,,Phones,,£1,Leeds\n"
    assert scheduled.run(rows, "--max-rejected", "25%")[0] == 0
    code, report = scheduled.run(rows, "--max-rejected", "24%")
    assert (code, report["error"], report["reasons"]) == (3, None, {"missing_title": 1})


def test_a_sync_that_could_not_remove_for_want_of_ids_exits_with_3(scheduled: Scheduled) -> None:
    scheduled.run(ABC)
    code, report = scheduled.run("a,Item,Phones,,£1,Leeds\n,Item,Phones,,£1,Leeds\n", "--sync", "--max-removed", "1")
    assert (code, report["counts"]["listings_kept"], report["missing_ids"]) == (3, 2, [])


def test_a_refused_removal_exits_with_4_and_says_why(scheduled: Scheduled) -> None:
    scheduled.run(ABC)
    for options in (("--sync",), ("--sync", "--dry-run")):
        code, report = scheduled.run("a,Item,Phones,,£1,Leeds\n", *options)
        assert code == 4
        assert "lacks 2 of 3 listings" in report["error"]
        assert report["counts"]["listings_read"] == 1
    assert report["missing_ids"] == ["b", "c"]


def test_a_second_sync_at_once_exits_with_5(scheduled: Scheduled, tmp_path: Path) -> None:
    scheduled.run(ABC)
    with resources_in(tmp_path / "data") as resources, only_sync(resources.database, IngestOptions(sync=True)):
        code, report = scheduled.run(ABC, "--sync")
    assert (code, "Another sync" in report["error"]) == (5, True)


def test_an_unreadable_file_exits_with_1_and_a_wrong_option_with_2(scheduled: Scheduled, tmp_path: Path) -> None:
    code, report = scheduled.run(ABC, "--columns", str(tmp_path / "no.toml"))
    assert (code, report["job_id"], "no.toml" in report["error"]) == (1, None, True)
    code, report = scheduled.run(ABC, "--missing", "sold")
    assert (code, "need --sync" in report["error"]) == (2, True)


def test_a_dry_run_says_so_and_writes_nothing(scheduled: Scheduled) -> None:
    code, report = scheduled.run(ABC, "--dry-run")
    assert (code, report["dry_run"], report["counts"]["listings_new"]) == (0, True, 3)
    code, report = scheduled.run(ABC)
    assert (report["dry_run"], report["counts"]["listings_new"]) == (False, 3)


def test_tells_people_what_a_sync_would_remove(lookalike: RunCommand, scheduled: Scheduled, tmp_path: Path) -> None:
    scheduled.run(ABC)
    scheduled.run("a,Item,Phones,,£1,Leeds\n", "--dry-run")
    result = lookalike("ingest", str(tmp_path / "feed.csv"), "--sync", "--dry-run", "--max-removed", "100%")
    assert "Would be removed: 2 listings that the file lacks (b, c)" in result.out
    assert "Dry run: nothing was written." in result.out
    assert "Accepted with a warning" not in result.out
    assert re.search(r"photos *0 *0 *0 *0 *\? *\? *\?\s", result.out), result.out
    result = lookalike("ingest", str(tmp_path / "feed.csv"), "--sync", "--missing", "sold", "--max-removed", "1")
    assert "Marked sold: 2 listings that the file lacks (b, c)" in result.out


def test_tells_people_that_a_sync_would_remove_nothing(
    lookalike: RunCommand, scheduled: Scheduled, tmp_path: Path
) -> None:
    scheduled.run(ABC)
    result = lookalike("ingest", str(tmp_path / "feed.csv"), "--sync", "--dry-run")
    assert "Would be removed: 0 listings, the file lacks none" in result.out
    assert "Would be" not in lookalike("ingest", str(tmp_path / "feed.csv"), "--dry-run").out


def test_speaks_of_one_listing_in_the_singular(lookalike: RunCommand, scheduled: Scheduled, tmp_path: Path) -> None:
    scheduled.run(ABC)
    scheduled.run(ABC.replace("a,", ",", 1), "--dry-run")
    result = lookalike("ingest", str(tmp_path / "feed.csv"), "--sync", "--max-removed", "1")
    assert "The file lacks 1 listing, but none was removed" in result.out
