"""A key that is bound to origins works on their pages only; /metrics can be closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from db.models import Role
from db.rows.access import keys
from services.cli.keys import checked_origin
from services.cli.serve import build_app
from services.errors import BadInput
from services.resources import Resources
from tests.waiting import wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    with resources_in(tmp_path_factory.mktemp("data")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page_key(resources: Resources) -> str:
    with resources.database.write() as session:
        return keys.create_key(session, "page", Role.READ, origins=[SHOP])


@pytest.fixture(scope="module")
def client(resources: Resources, page_key: str) -> Iterator[TestClient[Litestar]]:
    with TestClient(build_app(resources), raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (SHOP, 200),
        ("https://evil.example", 403),
        ("http://shop.example", 403),
        ("https://shop.example:8443", 403),
        ("https://shop.example.evil.example", 403),
        ("null", 403),
    ],
)
def test_a_key_of_a_page_works_on_pages_of_its_origin_only(
    client: TestClient[Litestar], page_key: str, origin: str, status: int
) -> None:
    answer = client.get("/v1/categories", headers={"Authorization": f"Bearer {page_key}", "Origin": origin})
    assert answer.status_code == status, answer.text
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == (SHOP if origin == SHOP else None)


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://testserver.local"}], ids=["a program", "another page"])
def test_a_key_of_a_page_works_neither_without_a_page_nor_on_the_server_s_own(
    client: TestClient[Litestar], page_key: str, headers: dict[str, str]
) -> None:
    answer = client.get("/v1/categories", headers={"Authorization": f"Bearer {page_key}", **headers})
    assert answer.status_code == 403
    assert f"for pages of {SHOP}" in answer.json()["detail"]


@pytest.mark.parametrize(("origin", "status"), [(SHOP, 204), ("https://evil.example", 400)])
def test_a_browser_may_ask_before_the_first_call_only_from_the_origin_of_a_key(
    client: TestClient[Litestar], origin: str, status: int
) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = client.options("/v1/search", headers=asked)
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == (SHOP if status == 204 else None)


def test_the_origin_of_a_new_key_is_allowed_a_moment_later_and_of_a_revoked_one_no_longer(
    client: TestClient[Litestar], resources: Resources
) -> None:
    new = {"Origin": "https://new.example", "Access-Control-Request-Method": "GET"}
    assert client.options("/v1/categories", headers=new).status_code == 400
    with resources.database.write() as session:
        key_id = keys.create_key(session, "new", Role.READ, origins=["https://new.example"]).split("_")[1]
    wait_for(lambda: client.options("/v1/categories", headers=new).status_code == 204)
    with resources.database.write() as session:
        keys.revoke_key(session, key_id)
    wait_for(lambda: client.options("/v1/categories", headers=new).status_code == 400)


@pytest.mark.parametrize(
    ("metrics", "without", "with_key", "with_page_key"),
    [("open", 200, 200, 200), ("key", 401, 200, 403), ("off", 404, 404, 404)],
)
def test_metrics_can_be_closed(
    resources: Resources, page_key: str, metrics: str, without: int, with_key: int, with_page_key: int
) -> None:
    changed = Resources(resources.settings.model_copy(update={"metrics": metrics}))
    with resources.database.write() as session:
        key = keys.create_key(session, "prometheus", Role.READ)
    with TestClient(build_app(changed), raise_server_exceptions=False) as client:
        statuses = [
            client.get("/metrics", headers=headers).status_code
            for headers in (
                {},
                {"Authorization": f"Bearer {key}"},
                {"Authorization": f"Bearer {page_key}", "Origin": SHOP},
            )
        ]
    changed.close()
    assert statuses == [without, with_key, with_page_key]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_reads_origins_as_browsers_send_them(text: str, origin: str) -> None:
    assert checked_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", "*", "shop.example", "https://", "https://shop.example/page", "https://*.example", "ftp://a", "https://a:b"],
)
def test_refuses_what_is_no_origin(text: str) -> None:
    with pytest.raises(BadInput, match=r"https://shop\.example"):
        checked_origin(text)
