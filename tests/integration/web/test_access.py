"""Access control by API keys: roles, rate limits and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from db.models import Role
from db.rows.access import audit, keys
from services.cli.serve import build_app
from services.resources import Resources
from services.settings import Settings
from services.web.access import key_ring
from services.web.limits import rate_limits
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from db.session import Database

LISTING = {"listing_id": "lamp", "title": "Lamp", "category": "Home"}

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For tests whose SQL other tests run on both databases."""


@pytest.fixture(scope="module")
def guarded_resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Resources of a database with a key, for tests that do not change it."""
    with resources_in(tmp_path_factory.mktemp("data")) as resources:
        key(resources, Role.READ)
        yield resources


@pytest.fixture(scope="module")
def guarded(guarded_resources: Resources) -> Iterator[TestClient[Litestar]]:
    """A client of an app that requires a key."""
    with TestClient(build_app(guarded_resources), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def resources(tmp_path: Path, database: Database) -> Iterator[Resources]:
    with_database = database.engine.url.render_as_string(hide_password=False)
    opened = Resources(Settings(_env_file=None, data_dir=tmp_path / "data", database_url=with_database, threads=2))
    yield opened
    opened.close()


@pytest.fixture
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def no_key_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify each call's key in the database."""
    monkeypatch.setattr(key_ring, "_MAX_AGE_S", 0.0)


def key(resources: Resources, role: Role) -> dict[str, str]:
    """Create a key and return the header with it."""
    with resources.database.write() as session:
        return {"Authorization": f"Bearer {keys.create_key(session, 'test', role)}"}


def entries(resources: Resources) -> list[tuple[str, str, int | None]]:
    with resources.database.read() as session:
        return [(entry.method, entry.path, entry.status) for entry in audit.newest_entries(session, limit=10)]


@on_sqlite
def test_requires_no_key_until_the_first_one_is_created(client: TestClient[Litestar]) -> None:
    assert client.get("/v1/categories").status_code == 200
    assert client.post("/v1/listings", json=LISTING).status_code == 201


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer lk_",
        "Bearer lk__",
        "Bearer lk_0_0",
        "Basic bGs6bGs=",
        "lk_1_2",
        "é",
    ],
)
def test_refuses_calls_without_a_valid_key_once_a_key_exists(guarded: TestClient[Litestar], header: str) -> None:
    headers = {"Authorization": header.encode()} if header else {}
    answer = guarded.get("/v1/categories", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "lookalike keys create" in answer.json()["detail"]


def test_refuses_a_key_with_a_wrong_secret(guarded: TestClient[Litestar], guarded_resources: Resources) -> None:
    good = key(guarded_resources, Role.ADMIN)["Authorization"]
    assert guarded.get("/v1/categories", headers={"Authorization": good[:-1] + "!"}).status_code == 401
    assert guarded.get("/v1/categories", headers={"Authorization": good}).status_code == 200


@pytest.mark.parametrize(
    ("role", "reads", "writes", "administers"),
    [(Role.READ, 200, 403, 403), (Role.WRITE, 200, 201, 403), (Role.ADMIN, 200, 201, 200)],
)
def test_a_role_permits_its_own_calls_and_those_of_lower_roles(
    guarded: TestClient[Litestar],
    guarded_resources: Resources,
    role: Role,
    reads: int,
    writes: int,
    administers: int,
) -> None:
    headers, listing = key(guarded_resources, role), {**LISTING, "listing_id": f"lamp-{role}"}
    assert guarded.get("/v1/categories", headers=headers).status_code == reads
    assert guarded.post("/v1/listings", json=listing, headers=headers).status_code == writes
    assert guarded.get("/v1/admin/indexes", headers=headers).status_code == administers


def test_every_route_of_the_api_states_its_role(guarded: TestClient[Litestar]) -> None:
    without_role = [
        (route.path, handler.handler_name)
        for route in guarded.app.routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler)
        and route.path.startswith("/v1/")
        and handler.http_methods != {"OPTIONS"}
        and "role" not in handler.opt
    ]
    assert without_role == []


@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/docs", "/docs/openapi.json"])
def test_requires_no_key_outside_v1(guarded: TestClient[Litestar], path: str) -> None:
    assert guarded.get(path).status_code == 200


@on_sqlite
@pytest.mark.usefixtures("no_key_cache")
def test_refuses_a_revoked_key(client: TestClient[Litestar], resources: Resources) -> None:
    headers = key(resources, Role.READ)
    assert client.get("/v1/categories", headers=headers).status_code == 200
    with resources.database.write() as session:
        (known,) = keys.all_keys(session)
        assert keys.revoke_key(session, known.key_id)
        assert not keys.revoke_key(session, known.key_id)
    assert client.get("/v1/categories", headers=headers).status_code == 401


@on_sqlite
@pytest.mark.usefixtures("no_key_cache")
def test_still_requires_a_key_after_the_last_one_is_revoked(client: TestClient[Litestar], resources: Resources) -> None:
    key(resources, Role.ADMIN)
    with resources.database.write() as session:
        keys.revoke_key(session, keys.all_keys(session)[0].key_id)
    assert client.get("/v1/categories").status_code == 401


@on_sqlite
def test_stores_only_a_hash_of_the_secret(resources: Resources) -> None:
    _, _, secret = key(resources, Role.READ)["Authorization"].split("_", 2)
    with resources.database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT * FROM api_key").all()
    assert secret.encode() not in repr(rows).encode()


def test_audits_changes_with_their_status_and_no_reads(client: TestClient[Litestar], resources: Resources) -> None:
    headers = key(resources, Role.ADMIN)
    client.get("/v1/categories", headers=headers)
    client.post("/v1/listings", json=LISTING, headers=headers)
    client.patch("/v1/listings/lamp", json={"title": ""}, headers=headers)
    client.delete("/v1/listings/nothing", headers=headers)
    assert entries(resources) == [
        ("DELETE", "/v1/listings/nothing", 404),
        ("PATCH", "/v1/listings/lamp", 422),
        ("POST", "/v1/listings", 201),
    ]
    with resources.database.read() as session:
        assert {entry.key_id for entry in audit.newest_entries(session, limit=10)} == {
            known.key_id for known in keys.all_keys(session)
        }


def rate_limited(resources: Resources, monkeypatch: pytest.MonkeyPatch, per_minute: int) -> Resources:
    """Return resources of the same database with a rate limit; the minute does not end."""
    monkeypatch.setattr(rate_limits, "_present_minute", lambda: 7)
    changed = resources.settings.model_copy(update={"rate_limit_per_minute": per_minute})
    return Resources(changed)


def get_repeatedly(client: TestClient[Litestar], headers: dict[str, str], times: int) -> list[Any]:
    return [client.get("/v1/categories", headers=headers) for _ in range(times)]


@on_sqlite
def test_answers_429_with_retry_after_when_a_key_is_used_too_often(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = rate_limited(resources, monkeypatch, 3)
    headers, other = key(resources, Role.READ), key(resources, Role.READ)
    with TestClient(build_app(few)) as client:
        answers = get_repeatedly(client, headers, 5)
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert get_repeatedly(client, other, 1)[0].status_code == 200
    few.close()


def test_processes_share_the_rate_limit_of_a_key(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = rate_limited(resources, monkeypatch, 20), rate_limited(resources, monkeypatch, 20)
    headers = key(resources, Role.READ)
    with TestClient(build_app(one)) as first, TestClient(build_app(two)) as second:
        answers = [*get_repeatedly(first, headers, 15), *get_repeatedly(second, headers, 15)]
    assert sum(answer.status_code == 200 for answer in answers) == pytest.approx(20, abs=1)
    assert sum(answer.status_code == 200 for answer in answers) <= 20
    one.close()
    two.close()
