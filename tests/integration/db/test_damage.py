"""A damaged database is told as such: by calls, by /health/ready, by commands, without tracebacks."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from db.integrity import find_damage
from db.session import Database
from services.cli.serve import build_app
from services.resources import Resources
from services.settings import Settings
from tests.databases import copy_migrated_sqlite, new_database
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands import RunCommand

_PAGE = 4096


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with listings on many pages."""
    file = tmp_path / "data" / "lookalike.sqlite"
    copy_migrated_sqlite(file)
    columns = "id, title, description, category, category_path, location, region, flags, content_hash"
    rows = [(f"lamp-{n}", "Lamp", f"word-{n} " * 50, "Home", '["Home"]', "", "", "[]", "") for n in range(500)]
    with sqlite3.connect(file) as connection:
        insert = f"INSERT INTO listing ({columns}, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?,?,"
        connection.executemany(f"{insert}'2026-01-01 00:00:00', '2026-01-01 00:00:00')", rows)
    connection.close()
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(file.parent))
    return file


def damage_page(file: Path, word: bytes = b"word-250 ") -> None:
    """Overwrite the head of the page that has the word."""
    content = bytearray(file.read_bytes())
    start = content.index(word) // _PAGE * _PAGE
    content[start : start + 64] = b"\xff" * 64
    file.write_bytes(content)


def resources_of(file: Path) -> Resources:
    return Resources(Settings(_env_file=None, data_dir=file.parent, indexes="faiss", threads=1))


def test_calls_and_readiness_say_that_the_database_is_damaged_and_the_log_has_no_traceback(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage_page(file)
    resources = resources_of(file)
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        answers = [client.get("/v1/listings/lamp-250") for _ in range(5)]
        ready = client.get("/health/ready")
        wait_for(lambda: client.get("/v1/listings/lamp-1").status_code == 200)
    resources.close()
    assert [answer.status_code for answer in answers] == [503] * 5
    for told in (answers[0].json()["detail"], ready.json()["detail"]):
        assert "The database is damaged (" in told
        assert "lookalike db check" in told
    assert ready.status_code == 503
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.exc_info for record in errors] == [None] * len(errors)
    assert len([record for record in errors if "damaged" in record.getMessage()]) == 1


def test_readiness_says_so_before_any_call_reads_the_page(file: Path) -> None:
    damage_page(file)
    resources = resources_of(file)
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        wait_for(lambda: "damaged" in client.get("/health/ready").json()["detail"])
    resources.close()


def test_the_check_names_the_file_and_the_table_and_ends_with_1(lookalike: RunCommand, file: Path) -> None:
    damage_page(file)
    told = lookalike("db", "check", "--json")
    assert (told.code, {one["place"] for one in json.loads(told.out)}) == (1, {"file", "listing"})
    assert "docs/deployment.md" in told.err


def test_the_check_of_a_sound_database_ends_with_0(lookalike: RunCommand, file: Path) -> None:
    before = file.read_bytes()
    told = lookalike("db", "check", "--json")
    assert (told.code, json.loads(told.out)) == (0, [])
    assert file.read_bytes() == before


@pytest.mark.parametrize("command", [["keys", "list"], ["db", "tidy"], ["serve", "--port", "6250"]])
def test_commands_tell_in_one_line_of_a_file_that_is_no_database(
    lookalike: RunCommand, file: Path, command: list[str]
) -> None:
    file.write_bytes(b"this is no database " * 1000)
    told = lookalike(*command)
    assert told.code == 1
    assert told.err.count("\n") == 1
    assert "The database is damaged (file is not a database)" in told.err
    assert lookalike("db", "check").code == 1


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        ("UPDATE listing SET category_path = '[\"Home' WHERE id = 'lamp-7'", "listing", "truncated"),
        ("UPDATE listing SET title = CAST(x'ff' AS TEXT) WHERE id = 'lamp-7'", "listing", "UTF-8"),
        ("INSERT INTO reject VALUES (1, 'gone', '', 1, '', '', '', '')", "reject", "1 rows whose job_id names no job"),
    ],
)
def test_the_check_finds_values_that_cannot_be_read_and_rows_without_their_parent(
    file: Path, change: str, place: str, problem: str
) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(change)
    connection.close()
    database = Database(f"sqlite:///{file}")
    (found,) = find_damage(database)
    database.close()
    assert found.place == place
    assert problem.lower() in found.problem.lower() or "unterminated" in found.problem.lower()


@pytest.mark.postgres
def test_the_check_reads_every_table_of_postgresql(tmp_path: Path) -> None:
    with new_database("postgresql", tmp_path) as database:
        assert find_damage(database) == []
        with database.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE reject DROP CONSTRAINT reject_job_id_fkey")
            session.connection().exec_driver_sql("INSERT INTO reject VALUES (1, 'gone', '', 1, '', '', '', '')")
        assert [(one.place, one.problem) for one in find_damage(database)] == [
            ("reject", "1 rows whose job_id names no job")
        ]
