"""Named locks on real databases: one holder at a time, also between processes, and none after a death."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from db.locks import hold_lock, try_lock
from db.session import Database
from tests.databases import new_database_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD_FOR_EVER = """
import sys, time
from db.locks import try_lock
from db.session import Database
held = try_lock(Database(sys.argv[1]), "work")
print("held" if held else "taken", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with new_database_url(request.param, tmp_path) as url:
        opened = Database(url)
        yield opened
        opened.close()


def test_a_lock_can_be_taken_again_only_after_its_release(database: Database) -> None:
    held = try_lock(database, "work")
    assert held is not None
    assert held.is_held()
    assert try_lock(database, "work") is None
    held.release()
    again = try_lock(database, "work")
    assert again is not None
    again.release()


def test_locks_with_other_names_are_free(database: Database) -> None:
    with hold_lock(database, "work"):
        other = try_lock(database, "another / work")
        assert other is not None
        other.release()


def test_only_one_of_eight_threads_at_a_time_holds_a_lock(database: Database) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with hold_lock(database, "work"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_an_error_in_the_block_releases_the_lock(database: Database) -> None:
    with pytest.raises(KeyError), hold_lock(database, "work"):
        raise KeyError
    with hold_lock(database, "work"):
        pass


def test_a_killed_process_releases_its_lock(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    holder = subprocess.Popen([sys.executable, "-c", HOLD_FOR_EVER, url], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        assert try_lock(database, "work") is None
        holder.kill()
        holder.wait()
    with hold_lock(database, "work"):
        pass


@pytest.mark.postgres
def test_a_lock_whose_connection_is_lost_is_not_held(tmp_path: Path) -> None:
    with new_database_url("postgresql", tmp_path) as url:
        database = Database(url)
        held = try_lock(database, "work")
        assert held is not None
        with database.engine.connect() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
            )
        assert not held.is_held()
        held.release()
        database.close()
