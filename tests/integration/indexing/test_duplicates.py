"""Copies are found as listings come, forgotten as they go, and what was decided of them is kept."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient
from PIL import Image, ImageOps

from db.models import DuplicateReview, Role
from db.rows import duplicates, feed, keys, listings, photo_queue, photos
from db.rows.duplicates import ListingCopy
from ml.bundle.calibration import Calibration
from ml.bundle.score_map import ScoreMap
from services.cli.serve import build_app
from services.errors import ResourceNotFound
from services.indexing import duplicate_finder as finding
from services.indexing.duplicate_finder import CURSOR, CopySearchCount, DuplicateFinder
from services.ingest.duplicates.review import review
from services.search.rest.duplicates import find_duplicates, get_duplicates
from services.search.service import SearchService
from services.web.app import AppPart, create_app
from tests.databases import migrated_database_url, on_both, on_both_slowly
from tests.waiting import wait_for
from tests.worlds import ingest, listing_row, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace

LISTINGS = 5


@pytest.fixture
def shop(tmp_path: Path, jpeg: MakeJpeg) -> Marketplace:
    return with_copies(tmp_path / "shop", jpeg)


def with_copies(folder: Path, jpeg: MakeJpeg) -> Marketplace:
    """Listing 1 has a photo of listing 0, listing 2 its mirror image; 3 and 4 have photos of their own."""
    made = marketplace(folder, jpeg, count=LISTINGS)
    made.write_photo("photo-1-a", jpeg(seed=0))
    made.write_photo("photo-2-a", mirrored(jpeg(seed=0)))
    return made


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path, jpeg: MakeJpeg) -> Path:
    """A data directory with these listings."""
    folder = tmp_path_factory.mktemp("ingested")
    with resources_in(folder / "data", model=tiny_bundle, like=live_data) as opened:
        ingest(opened, with_copies(folder / "shop", jpeg).inputs)
    return folder / "data"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, ingested: Path) -> Path:
    """A data directory with these listings, whose copies were found."""
    folder = tmp_path_factory.mktemp("compared") / "data"
    with resources_in(folder, model=tiny_bundle, like=ingested) as opened:
        finder(opened).find()
    return folder


@pytest.fixture
def new(tmp_path: Path, tiny_bundle: Bundle, ingested: Path) -> Iterator[Resources]:
    """The listings, not compared yet."""
    with resources_in(tmp_path / "data", model=tiny_bundle, like=ingested) as opened:
        yield opened


@pytest.fixture
def resources(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_bundle: Bundle, compared: Path, shop: Marketplace
) -> Iterator[Resources]:
    """The listings, whose copies were found."""
    if getattr(request, "param", "sqlite") == "sqlite":
        with resources_in(tmp_path / "data", model=tiny_bundle, like=compared) as opened:
            yield opened
        return
    with (
        migrated_database_url(request.param, tmp_path) as url,
        resources_in(tmp_path / "data", model=tiny_bundle, database_url=url) as opened,
    ):
        ingest(opened, shop.inputs)
        finder(opened).find()
        yield opened


def mirrored(content: bytes) -> bytes:
    picture = io.BytesIO()
    ImageOps.mirror(Image.open(io.BytesIO(content))).save(picture, "JPEG", quality=90)
    return picture.getvalue()


def finder(resources: Resources, stopping: threading.Event | None = None) -> DuplicateFinder:
    return DuplicateFinder(resources.database, resources.live, resources.photo_files, stopping=stopping)


def copies(resources: Resources, listing_id: str) -> dict[str, str]:
    with resources.database.read() as session:
        return {copy.listing_id: copy.verdict for copy in duplicates.copies_of(session, listing_id)}


def photo_id(resources: Resources, external_id: str) -> int:
    with resources.database.read() as session:
        listing_id = f"listing-{external_id.split('-')[1]}"
        (found,) = [row.id for row in photos.photos_of(session, [listing_id]) if row.external_id == external_id]
        return found or 0


def remove(resources: Resources, listing_id: str) -> None:
    with resources.database.write() as session:
        listings.delete_listing(session, listing_id)


def test_copies_are_found_with_their_verdicts(new: Resources) -> None:
    assert finder(new).find() == CopySearchCount(photos=2 * LISTINGS, pairs=3)
    assert copies(new, "listing-0") == {"listing-1": "identical", "listing-2": "same photo edited"}
    assert copies(new, "listing-2") == {"listing-0": "same photo edited", "listing-1": "same photo edited"}
    assert copies(new, "listing-3") == {}


def test_a_second_look_finds_nothing_to_do(resources: Resources, shop: Marketplace) -> None:
    assert finder(resources).find() == CopySearchCount()
    with resources.database.read() as session:
        assert feed.cursor_of(session, CURSOR) == feed.last_seq(session)


@on_both_slowly
def test_only_new_photos_are_compared(resources: Resources, shop: Marketplace, jpeg: MakeJpeg) -> None:
    shop.write_listings([listing_row(0, price="£7.00"), listing_row(9)])
    shop.write_photo_table([("photo-9-a", "listing-9")])
    shop.write_photo("photo-9-a", mirrored(jpeg(seed=6)))
    ingest(resources, shop.inputs)
    assert finder(resources).find().photos == 1
    assert copies(resources, "listing-9") == {"listing-3": "same photo edited"}


@on_both
def test_a_pair_goes_with_its_listing(resources: Resources, shop: Marketplace) -> None:
    remove(resources, "listing-1")
    assert copies(resources, "listing-0") == {"listing-2": "same photo edited"}


@on_both_slowly
def test_a_pair_goes_when_a_photo_is_replaced(resources: Resources, shop: Marketplace, jpeg: MakeJpeg) -> None:
    shop.write_photo("photo-1-a", jpeg(seed=77))
    ingest(resources, shop.inputs)
    assert finder(resources).find().photos == 1
    assert copies(resources, "listing-0") == {"listing-2": "same photo edited"}


@on_both
def test_what_was_not_followed_before_the_feed_was_pruned_is_found_all_the_same(
    resources: Resources, shop: Marketplace, jpeg: MakeJpeg
) -> None:
    shop.write_photo("photo-3-a", jpeg(seed=8))  # that of listing 4
    ingest(resources, shop.inputs)
    with resources.database.write() as session:
        feed.prune(session, before=duplicates.utc_now(), followers=["photos_g1_of_nobody"])
        session.connection().exec_driver_sql("DELETE FROM event WHERE seq < (SELECT max(seq) FROM event)")
    assert finder(resources).find().photos == 1
    assert copies(resources, "listing-3") == {"listing-4": "identical"}


def test_listings_that_look_alike_are_told_after_the_copies(
    resources: Resources, shop: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(resources.database, ("listing-0", "listing-3"), "reject", key_id=None)
    model = resources.embedder().bundle
    sure = ScoreMap((-1.0, 0.0, 1.0), (0.0, 0.9, 1.0))
    monkeypatch.setattr(type(model), "calibration", Calibration(1.0, 0.5, {}, sure, 100))
    answer = find_duplicates(resources, SearchService(resources), "listing-0", 5)
    assert [(one.listing_id, one.verdict) for one in answer] == [
        ("listing-1", "identical"),
        ("listing-2", "same photo edited"),
        ("listing-4", "similar"),
    ]


class Killed(BaseException):
    """The process ends here."""


def test_a_kill_loses_no_photo(new: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_BATCH", 2)
    saved, calls = duplicates.save_search, iter([True, True, False])

    def dying(*args: Any, **kwargs: Any) -> int:
        if not next(calls):
            raise Killed
        return saved(*args, **kwargs)

    monkeypatch.setattr(duplicates, "save_search", dying)
    with pytest.raises(Killed):
        finder(new).find()
    monkeypatch.setattr(duplicates, "save_search", saved)
    assert finder(new).find().photos == 2 * LISTINGS - 2
    assert copies(new, "listing-0") == {"listing-1": "identical", "listing-2": "same photo edited"}


def test_a_finder_that_is_stopped_leaves_the_rest_to_the_next(new: Resources) -> None:
    stopping = threading.Event()
    stopping.set()
    assert finder(new, stopping).find() == CopySearchCount()
    assert finder(new).find().photos == 2 * LISTINGS


def test_a_photo_deleted_while_it_was_compared_leaves_no_pair(new: Resources) -> None:
    one, gone = photo_id(new, "photo-0-a"), photo_id(new, "photo-1-a")
    with new.database.read() as session:
        (row, other) = photos.photos_by_id(session, [one, gone])
    remove(new, "listing-1")
    found = duplicates.PhotoCopy(gone, other.sha256, "identical", 1.0)
    with new.database.write() as session:
        claimed = photo_queue.ClaimedPhoto(one, row.sha256)
        assert duplicates.save_search(session, claimed, [found], model_version="m") == 0
    assert copies(new, "listing-0") == {}


@on_both_slowly
def test_a_rejection_is_kept_when_the_photos_are_compared_anew(
    resources: Resources, shop: Marketplace, jpeg: MakeJpeg
) -> None:
    review(resources.database, ("listing-1", "listing-0"), "reject", key_id="k1")
    shop.write_photo("photo-1-b", jpeg(seed=1))  # another photo of listing 0
    ingest(resources, shop.inputs)
    finder(resources).find()
    assert copies(resources, "listing-0") == {"listing-2": "same photo edited"}
    with pytest.raises(ResourceNotFound):
        review(resources.database, ("listing-0", "nothing"), "accept", key_id=None)


@on_both_slowly
def test_the_call_of_a_listing_answers_the_surest_photo_of_each_copy(resources: Resources, shop: Marketplace) -> None:
    with resources.database.read() as session:
        first = duplicates.copies_of(session, "listing-0")[0]
    assert first == ListingCopy("listing-1", photo_id(resources, "photo-1-a"), "identical", 1.0)
    answer = find_duplicates(resources, SearchService(resources), "listing-0", 5)
    assert [(one.listing_id, one.verdict) for one in answer[:2]] == [
        ("listing-1", "identical"),
        ("listing-2", "same photo edited"),
    ]
    with pytest.raises(ResourceNotFound):
        find_duplicates(resources, SearchService(resources), "nothing", 5)


def test_duplicates_are_answered_by_rest(resources: Resources, shop: Marketplace) -> None:
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
        return duplicates.pair_count(session)


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


@on_both_slowly
def test_groups_are_given_a_page_at_a_time(
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
def test_a_review_that_makes_no_sense_is_refused(
    unchanged: TestClient[Litestar], review: dict[str, str], status: int
) -> None:
    assert unchanged.post("/v1/admin/duplicates/review", json=review).status_code == status


@pytest.mark.parametrize("cursor", ["x", "AAAA", "gICA"])
def test_a_cursor_of_nobodys_is_refused(unchanged: TestClient[Litestar], cursor: str) -> None:
    assert unchanged.get("/v1/admin/duplicates", params={"cursor": cursor}).status_code == 400


@on_both_slowly
def test_whoever_decides_is_kept_and_must_be_an_admin(client: TestClient[Litestar], resources: Resources) -> None:
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
