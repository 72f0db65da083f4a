"""Duplicates of a listing, and their groups and reviews, by REST."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from litestar.testing import TestClient

from db.models import DuplicateReview, Role
from db.rows import duplicates
from db.rows.access import audit, keys
from db.rows.duplicates import ListingCopy
from ml.bundle.calibration import Calibration
from ml.bundle.score_map import ScoreMap
from services.cli.serve import build_app
from services.errors import ResourceNotFound
from services.ingest.duplicates.review import review
from services.search.rest.duplicates import find_duplicates, get_duplicates
from services.search.service import SearchService
from services.web.app import AppPart, create_app
from tests.databases import on_both, on_both_slowly
from tests.integration.indexing.duplicates.copies import (
    photo_id,
)
from tests.waiting import wait_for
from tests.worlds import ingest, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


@pytest.fixture(scope="module")
def unchanged(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, compared: Path
) -> Iterator[TestClient[Litestar]]:
    """A service for what is only asked, or refused."""
    with (
        resources_in(tmp_path_factory.mktemp("unchanged") / "data", model=tiny_bundle, like=compared) as opened,
        TestClient(build_app(opened), raise_server_exceptions=False) as client,
    ):
        yield client


def pairs(resources: Resources) -> int:
    with resources.database.read() as session:
        return len(duplicates.links(session))


def test_similar_listings_are_returned_after_the_copies(
    resources: Resources, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(resources.database, ("listing-0", "listing-3"), "reject", key_id=None)
    model = resources.embedder().bundle
    sure = ScoreMap((-1.0, 0.0, 1.0), (0.0, 0.9, 1.0))
    monkeypatch.setattr(type(model), "calibration", Calibration(1.0, 0.5, {}, sure, 100))
    answer = find_duplicates(
        resources, service := SearchService(resources), "listing-0", k=5, times=service.new_times()
    )
    assert [(one.listing_id, one.verdict) for one in answer] == [
        ("listing-1", "identical"),
        ("listing-2", "same photo edited"),
        ("listing-4", "similar"),
    ]


@on_both_slowly
def test_duplicates_of_a_listing_name_the_surest_photo_of_each_copy(resources: Resources, shop: Marketplace) -> None:
    with resources.database.read() as session:
        first = duplicates.copies_of(session, "listing-0").copies[0]
    assert first == ListingCopy("listing-1", photo_id(resources, "photo-1-a"), "identical", 1.0)
    answer = find_duplicates(
        resources, service := SearchService(resources), "listing-0", k=5, times=service.new_times()
    )
    assert [(one.listing_id, one.verdict) for one in answer[:2]] == [
        ("listing-1", "identical"),
        ("listing-2", "same photo edited"),
    ]
    with pytest.raises(ResourceNotFound):
        find_duplicates(resources, service := SearchService(resources), "nothing", k=5, times=service.new_times())


def test_duplicates_are_returned_by_rest(resources: Resources, shop: Marketplace) -> None:
    part = AppPart([get_duplicates], {"search_service": SearchService(resources)})
    app = create_app(resources, title="test", parts=[part])
    with TestClient(app, raise_server_exceptions=False) as client:
        first, *_ = client.get("/v1/listings/listing-0/duplicates").json()
        nowhere = client.get("/v1/listings/nothing/duplicates")
    assert first == {
        "listing_id": "listing-1",
        "photo_id": photo_id(resources, "photo-1-a"),
        "verdict": "identical",
        "score": 1.0,
    }
    assert nowhere.status_code == 404


@on_both
def test_groups_are_reviewed_by_rest(client: TestClient[Litestar]) -> None:
    (group,) = client.get("/v1/admin/duplicates").json()["groups"]
    assert group["listing_ids"] == ["listing-0", "listing-1", "listing-2"]
    assert {link["decision"] for link in group["links"]} == {None}
    for other in ("listing-0", "listing-1"):
        review = {"listing_id": "listing-2", "other_listing_id": other, "decision": "reject"}
        assert client.post("/v1/admin/duplicates/review", json=review).status_code == 204
    review = {"listing_id": "listing-0", "other_listing_id": "listing-1", "decision": "accept"}
    client.post("/v1/admin/duplicates/review", json=review)
    states = {
        state: [
            one["listing_ids"] for one in client.get("/v1/admin/duplicates", params={"state": state}).json()["groups"]
        ]
        for state in ("open", "accepted", "rejected")
    }
    assert states == {
        "open": [],
        "accepted": [["listing-0", "listing-1"]],
        "rejected": [["listing-0", "listing-1", "listing-2"]],
    }


def test_groups_describe_their_listings_and_the_pairs_left(client: TestClient[Litestar]) -> None:
    answer = client.get("/v1/admin/duplicates").json()
    first = answer["groups"][0]["listings"][0]
    assert {name: first[name] for name in ("listing_id", "title", "price", "currency", "category_path", "sold")} == {
        "listing_id": "listing-0",
        "title": "Item 0",
        "price": 1.0,
        "currency": "GBP",
        "category_path": ["Home & Garden", "Lamps"],
        "sold": False,
    }
    assert answer["undecided_pairs"] == 3


def test_decisions_imply_others_and_can_be_undone(client: TestClient[Litestar]) -> None:
    def decide(one: int, other: int, decision: str) -> int:
        review = {"listing_id": f"listing-{one}", "other_listing_id": f"listing-{other}", "decision": decision}
        return client.post("/v1/admin/duplicates/review", json=review).status_code

    assert (decide(0, 1, "accept"), decide(1, 2, "accept")) == (204, 204)
    (group,) = client.get("/v1/admin/duplicates", params={"state": "accepted"}).json()["groups"]
    assert [(link["decision"], link["implied"]) for link in group["links"]] == [
        ("accept", False),
        ("accept", True),
        ("accept", False),
    ]
    assert decide(0, 2, "reject") == 409
    assert decide(1, 2, "undecided") == 204
    assert client.get("/v1/admin/duplicates").json()["undecided_pairs"] == 2


def test_a_reviewed_pair_without_a_shared_photo_is_listed(client: TestClient[Litestar]) -> None:
    review = {"listing_id": "listing-3", "other_listing_id": "listing-4", "decision": "accept"}
    assert client.post("/v1/admin/duplicates/review", json=review).status_code == 204
    (group,) = client.get("/v1/admin/duplicates", params={"state": "accepted"}).json()["groups"]
    assert [link["verdict"] for link in group["links"]] == ["no shared photo"]


@on_both_slowly
def test_groups_are_paged(
    client: TestClient[Litestar], resources: Resources, shop: Marketplace, jpeg: MakeJpeg
) -> None:
    shop.write_photo("photo-3-a", jpeg(seed=8))  # that of listing 4
    ingest(resources, shop.inputs)
    wait_for(lambda: pairs(resources) == 4)
    first = client.get("/v1/admin/duplicates", params={"limit": 1}).json()
    second = client.get("/v1/admin/duplicates", params={"limit": 1, "cursor": first["cursor"]}).json()
    assert [len(page["groups"][0]["listing_ids"]) for page in (first, second)] == [3, 2]
    assert second["cursor"] is None


@pytest.mark.parametrize(
    ("review", "status"),
    [
        ({"listing_id": "listing-0", "other_listing_id": "nothing", "decision": "accept"}, 404),
        ({"listing_id": "listing-0", "other_listing_id": "a\0b", "decision": "accept"}, 404),
        ({"listing_id": "listing-0", "other_listing_id": "listing-0", "decision": "accept"}, 400),
        ({"listing_id": "listing-0", "other_listing_id": "listing-1", "decision": "perhaps"}, 400),
        ({"listing_id": "listing-0"}, 400),
    ],
)
def test_an_invalid_review_is_refused(unchanged: TestClient[Litestar], review: dict[str, str], status: int) -> None:
    assert unchanged.post("/v1/admin/duplicates/review", json=review).status_code == status


@pytest.mark.parametrize("cursor", ["x", "AAAA", "gICA"])
def test_an_unknown_cursor_is_refused(unchanged: TestClient[Litestar], cursor: str) -> None:
    assert unchanged.get("/v1/admin/duplicates", params={"cursor": cursor}).status_code == 400


@on_both_slowly
def test_only_an_admin_can_review_and_the_key_is_stored(client: TestClient[Litestar], resources: Resources) -> None:
    with resources.database.write() as session:
        admin, writer = (keys.create_key(session, role.value, role) for role in (Role.ADMIN, Role.WRITE))
        key_ids = {key.name: key.key_id for key in keys.all_keys(session)}
    review = {"listing_id": "listing-0", "other_listing_id": "listing-1", "decision": "accept"}
    url = "/v1/admin/duplicates/review"
    assert client.post(url, json=review, headers={"Authorization": f"Bearer {writer}"}).status_code == 403
    assert client.post(url, json=review, headers={"Authorization": f"Bearer {admin}"}).status_code == 204
    with resources.database.read() as session:
        stored_review = session.get_one(DuplicateReview, ("listing-0", "listing-1"))
    assert stored_review.key_id == key_ids["admin"]


def test_the_audit_log_says_which_listings_a_review_was_about_and_what_it_decided(resources: Resources) -> None:
    body = {"listing_id": "\N{OLD KEY}" * 1000, "other_listing_id": "no such & id", "decision": "reject"}
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        assert client.post("/v1/admin/duplicates/review", json=body).status_code == 404
    with resources.database.read() as session:
        (entry,) = audit.newest_entries(session, limit=1)
    assert parse_qs(entry.path.partition("?")[2]) == {
        "listing_id": ["\N{OLD KEY}" * 200],
        "other_listing_id": ["no such & id"],
        "decision": ["reject"],
    }
