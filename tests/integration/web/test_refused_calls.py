"""The audit log has refused calls too, of one kind in one entry, so that a flood of them fills no disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient
from sqlalchemy.exc import OperationalError

from db.models import Role
from db.rows.access import audit, keys
from services.cli.serve import build_app
from services.web.access import audit_trail
from tests.waiting import wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.models import AuditEntry
    from services.resources import Resources


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def key(resources: Resources) -> str:
    with resources.database.write() as session:
        return keys.create_key(session, "reader", Role.READ)


def entries(resources: Resources) -> list[AuditEntry]:
    with resources.database.read() as session:
        return list(reversed(audit.newest_entries(session, limit=1000)))


def test_refused_calls_are_audited_with_caller_claimed_key_and_count(resources: Resources, key: str) -> None:
    key_id, headers = key.split("_")[1], {"Authorization": f"Bearer {key}"}
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        for _ in range(3):
            client.get("/v1/categories")
        client.get("/v1/categories", headers={"Authorization": f"Bearer {key}x"})
        client.delete("/v1/listings/lamp", headers=headers)
        client.get("/v1/categories", headers=headers)
    assert [(e.method, e.path, e.status, e.key_id, e.calls, e.caller) for e in entries(resources)] == [
        ("GET", "/v1/categories", 401, None, 3, "testclient"),
        ("GET", "/v1/categories", 401, key_id, 1, "testclient"),
        ("DELETE", "/v1/listings/lamp", 403, key_id, 1, "testclient"),
    ]


@pytest.mark.usefixtures("key")
def test_a_flood_of_refused_calls_of_many_kinds_becomes_few_entries_with_all_calls(resources: Resources) -> None:
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        for number in range(100):
            client.get(f"/v1/listings/{number}")
    found = entries(resources)
    assert (len(found), sum(entry.calls for entry in found)) == (21, 100)


@pytest.mark.usefixtures("key")
def test_refused_calls_are_written_while_the_server_runs(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "_WRITE_EVERY_S", 0.05)
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        client.get("/v1/categories")
        wait_for(lambda: len(entries(resources)) == 1)


@pytest.mark.usefixtures("key")
def test_refused_calls_are_kept_until_the_database_takes_them(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = audit_trail.AuditTrail(resources.database)
    scope = {"path": "/v1/\0", "method": "GET", "headers": [], "state": {}, "query_string": b""}

    def fail() -> None:
        raise OperationalError("INSERT", {}, OSError("gone"))

    for _ in range(2):
        trail._count_refused(scope, 401)  # type: ignore[arg-type]
        with monkeypatch.context() as patched:
            patched.setattr(resources.database, "write", fail)
            with pytest.raises(OperationalError):
                trail._write_refused()
    trail._write_refused()
    assert [(entry.path, entry.calls) for entry in entries(resources)] == [("/v1/\\0", 2)]
