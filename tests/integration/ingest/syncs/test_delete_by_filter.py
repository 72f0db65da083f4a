"""Deletion by filter: the REST call, the client's meaning of it, and the command."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from db.models import Role
from db.rows import listings
from db.rows.access import audit, keys
from services.client.ingest_calls import delete_listings
from services.wire import ListingDeletion
from tests.databases import on_both
from tests.truth import LAMP, add_listings, stored_ids

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

    from services.resources import Resources
    from tests.commands import RunCommand


@pytest.fixture
def stock(resources: Resources) -> Resources:
    """Four listings: two of seller A, one of them sold, and two of seller B."""
    records = [replace(LAMP, listing_id=f"lamp-{n}", seller="AABB"[n], price=Decimal(10 * n)) for n in range(4)]
    add_listings(resources.database, replace(records[0], sold=True), *records[1:])
    return resources


@on_both
def test_deletes_what_passes_all_conditions_if_the_count_is_the_expected_one(
    stock: Resources, client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "LISTINGS_PER_WRITE", 1)
    counted = client.delete("/v1/listings", params={"seller": "A", "dry_run": True})
    assert counted.json() == {"count": 2, "listing_ids": ["lamp-0", "lamp-1"], "dry_run": True}
    assert len(stored_ids(stock.database)) == 4
    deleted = client.delete("/v1/listings", params={"seller": "A", "expected": 2})
    assert deleted.json() == {"count": 2, "listing_ids": ["lamp-0", "lamp-1"], "dry_run": False}
    assert stored_ids(stock.database) == ["lamp-2", "lamp-3"]


def test_price_bounds_may_be_finer_than_hundredths_and_larger_than_any_price(
    stock: Resources, client: TestClient[Litestar]
) -> None:
    for bounds, count in (({"price_min": 9.999}, 3), ({"price_min": 10.001}, 2), ({"price_max": 19.999}, 2)):
        assert client.delete("/v1/listings", params={**bounds, "dry_run": True}).json()["count"] == count
    everything = client.delete("/v1/listings", params={"price_max": 1e307, "dry_run": True})
    assert everything.json()["count"] == 4


@on_both
def test_a_category_path_is_that_of_any_category_of_the_listing(stock: Resources, client: TestClient[Litestar]) -> None:
    add_listings(stock.database, replace(LAMP, listing_id="both", other_categories=(("Sale", "Last ones"),)))
    for path in ("Sale", "sale / Last ones", "Home & Garden / Lamps"):
        counted = client.delete("/v1/listings", params={"category_path": path, "dry_run": True}).json()
        assert "both" in counted["listing_ids"], path
    assert client.delete("/v1/listings", params={"category_path": "Sale", "expected": 1}).json()["count"] == 1


def test_deletes_nothing_if_the_count_has_changed(stock: Resources, client: TestClient[Litestar]) -> None:
    answer = client.delete("/v1/listings", params={"seller": "A", "expected": 1})
    assert (answer.status_code, len(stored_ids(stock.database))) == (409, 4)
    assert "The conditions select 2 listings, not 1" in answer.json()["detail"]


UNCLEAR: list[tuple[dict[str, str | int], str]] = [
    ({"expected": 4}, "at least one condition"),
    ({"dry_run": True}, "at least one condition"),
    ({"seller": "A"}, "send expected=2"),
    ({"currency": "pounds", "expected": 1}, "is not a currency"),
    ({"price_min": 5, "price_max": 1, "expected": 1}, "above price_max"),
    ({"price_min": -1, "expected": 1}, "out of range"),
    ({"listed_before": "yesterday", "expected": 1}, "is not a date"),
    ({"colour": "red", "expected": 1}, "unknown"),
]


def test_refuses_deletions_that_are_not_clear(stock: Resources, client: TestClient[Litestar]) -> None:
    for params, problem in UNCLEAR:
        answer = client.delete("/v1/listings", params=params)
        assert (answer.status_code, problem in answer.json()["detail"]) == (400, True), params
    assert len(stored_ids(stock.database)) == 4


def test_only_admins_delete_by_filter_and_the_audit_log_names_the_conditions(
    stock: Resources, client: TestClient[Litestar]
) -> None:
    with stock.database.write() as session:
        key_of = {role: keys.create_key(session, "test", role) for role in (Role.WRITE, Role.ADMIN)}
    answers = [
        client.delete(
            "/v1/listings?sold=true&expected=1", headers={"Authorization": f"Bearer {key_of[role]}"}
        ).status_code
        for role in (Role.WRITE, Role.ADMIN)
    ]
    assert answers == [403, 200]
    with stock.database.read() as session:
        entry = audit.newest_entries(session, limit=10)[0]
    assert (entry.method, entry.path, entry.status) == ("DELETE", "/v1/listings?sold=true&expected=1", 200)


def test_the_client_sends_conditions_as_the_call_takes_them(stock: Resources, client: TestClient[Litestar]) -> None:
    call = delete_listings(ListingDeletion(seller=["A", "B"], price_max=20.0, sold=False, dry_run=True))
    answer = client.request(call.method, call.path, params=dict(call.params))
    assert (call.result(answer).count, call.repeatable) == (2, True)
    assert not delete_listings(ListingDeletion(seller=["A"], expected=2)).repeatable


def test_the_command_shows_ids_as_they_are(
    resources: Resources, lookalike: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_listings(resources.database, replace(LAMP, listing_id="[bold]lamp[/]"))
    resources.close()
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(resources.settings.data_dir))
    assert "[bold]lamp[/]" in lookalike("listings", "delete", "--category", LAMP.category, "--dry-run").err


def test_the_command_counts_asks_and_deletes(
    stock: Resources, lookalike: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock.close()
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(stock.settings.data_dir))
    counted = lookalike("listings", "delete", "--seller", "B", "--dry-run")
    assert (counted.code, "The conditions select 2 listings: lamp-2, lamp-3" in counted.err) == (0, True)
    one = lookalike("listings", "delete", "--listing", "lamp-2", "--dry-run")
    assert (one.code, "The conditions select 1 listing: lamp-2" in one.err) == (0, True)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    asked = lookalike("listings", "delete", "--seller", "B")
    assert (asked.code, len(stored_ids(stock.database))) == (1, 4)
    deleted = lookalike("listings", "delete", "--seller", "B", "--sold", "--yes")
    assert (deleted.code, len(stored_ids(stock.database))) == (0, 4)
    deleted = lookalike("listings", "delete", "--seller", "B", "--yes", "--json")
    assert (deleted.code, '"count": 2' in deleted.out, stored_ids(stock.database)) == (0, True, ["lamp-0", "lamp-1"])
