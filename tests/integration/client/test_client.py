"""The client, sync and async, against a real server: what it sends is taken, what is answered it returns."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from PIL import Image

from db.models import ENDED, JobState, Role
from db.rows import keys
from services.cli.main import main
from services.client import Client, NotFound, Refused, Rejected
from services.ingest.rest import listing_bodies
from services.wire import JobAnswer, ListingChange, NewListing, Recommendation, SearchFields, StoredSearch, WholeListing
from tests.clients import Blocking, connecting
from tests.integration.bench.test_freshness import serving
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.bundle.bundle import Bundle
    from tests.clients import Connect
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg) -> Marketplace:
    return marketplace(tmp_path_factory.mktemp("world") / "shop", jpeg, count=12)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, shop: Marketplace) -> Iterator[str]:
    """A server with twelve listings."""
    with resources_in(tmp_path_factory.mktemp("data"), model=tiny_bundle) as opened:
        ingest(opened, shop.inputs)
        with serving(opened) as url:
            yield url


@pytest.fixture(scope="module")
def changing_url(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Iterator[str]:
    """A server for tests that change listings; each deletes its own, or calls them by a name of its own."""
    with resources_in(tmp_path_factory.mktemp("data"), model=tiny_bundle) as opened:
        opened.ensure_generation()
        with serving(opened) as url:
            yield url


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server that asks for a key, and a key that may read."""
    with resources_in(tmp_path_factory.mktemp("data")) as opened:
        with opened.database.write() as session:
            key = keys.create_key(session, "reader", Role.READ)
        with serving(opened) as url:
            yield url, key


@pytest.fixture(params=[Client, Blocking], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    with connecting(request.param) as connect:
        yield connect


@pytest.fixture
def client(connect: Connect, url: str) -> Client:
    return connect(url)


def test_a_photo_finds_its_own_listing_by_its_bytes_and_by_its_file(client: Client, shop: Marketplace) -> None:
    file = shop.folder / "photos" / "photo-4-a.jpg"
    for photo in (file, file.read_bytes()):
        answer = client.search(photo, SearchFields(k=1))
        assert [one.listing_id for one in answer.results] == ["listing-4"]


def test_every_kind_of_field_reaches_a_search_by_photo_and_one_by_listing(client: Client, jpeg: MakeJpeg) -> None:
    fields = SearchFields(
        k=100,
        category=["Phones", "Home & Garden"],
        price_min=2.5,
        price_max=8.0,
        location="Delph",
        exclude_listing=["listing-1", "listing-6"],
        category_aware=False,
    )
    wanted = {"listing-3", "listing-4", "listing-7"}  # at 4, 5 and 8 pounds; every third is for babies
    assert {one.listing_id for one in client.search(jpeg(), fields).results} == wanted
    assert {one.listing_id for one in client.similar("listing-0", fields).results} == wanted


def test_a_search_by_listing_by_its_photo_and_by_a_token_are_answered_alike(client: Client) -> None:
    by_listing = client.search_by(StoredSearch(listing_id="listing-3", k=5))
    assert by_listing.results == client.similar("listing-3", SearchFields(k=5)).results
    assert by_listing.results == client.search_by(StoredSearch(query_token=by_listing.query_token, k=5)).results
    photo_id = client.listing("listing-3").photos[0].photo_id
    assert "listing-3" not in [one.listing_id for one in client.search_by(StoredSearch(photo_id=photo_id)).results]


def test_pages_lead_to_every_listing_once(client: Client, jpeg: MakeJpeg) -> None:
    first = client.search(jpeg(), SearchFields(k=5))
    assert [len(page.results) for page in client.pages(first)] == [5, 5, 2]
    found = [one.listing_id for one in client.results(first, k=4)]
    assert sorted(found) == sorted(f"listing-{number}" for number in range(12))


def test_one_search_of_a_batch_fails_by_itself(client: Client) -> None:
    good, bad = client.search_batch([StoredSearch(listing_id="listing-3"), StoredSearch(listing_id="none")]).answers
    assert good.answer is not None
    assert len(good.answer.results) == 10
    assert bad.problem is not None
    assert (bad.answer, bad.problem.status) == (None, 404)


def test_a_recommendation_leaves_out_what_was_judged(client: Client) -> None:
    answer = client.recommend(Recommendation(positive=["listing-1"], negative=["listing-2"], k=100))
    assert len(answer.results) == 10
    assert {"listing-1", "listing-2"}.isdisjoint(one.listing_id for one in answer.results)


def test_the_newest_listings_and_the_duplicates_of_one_are_answered(client: Client) -> None:
    page = client.newest_listings(limit=5)
    assert len(page.listings) == 5
    further = client.newest_listings(limit=5, cursor=page.cursor)
    assert {one.listing_id for one in page.listings}.isdisjoint(one.listing_id for one in further.listings)
    assert client.duplicates("listing-1", k=0) == []
    with pytest.raises(NotFound):
        client.duplicates("nobody")


def test_text_for_a_photo_is_refused_before_anything_is_asked(client: Client) -> None:
    with pytest.raises(TypeError, match="image_url"):
        client.search("lamp.jpg")  # type: ignore[arg-type]


def test_a_photo_is_classified_whole_or_in_part(client: Client, jpeg: MakeJpeg) -> None:
    whole, part = (client.classify(jpeg(), k=2, crop=crop) for crop in (None, "0,0,0.5,0.5"))
    assert len(whole.categories) == len(part.categories) == 2
    assert whole.categories[0].probability != part.categories[0].probability


def test_a_listing_its_photos_and_the_categories_are_returned(client: Client, shop: Marketplace) -> None:
    listing = client.listing("listing-4")
    assert (listing.title, listing.category, listing.price) == ("Item 4", "Phones", 5.0)
    photo_id = listing.photos[0].photo_id
    assert client.photo(photo_id) == (shop.folder / "photos" / "photo-4-a.jpg").read_bytes()
    assert max(Image.open(io.BytesIO(client.thumbnail(photo_id, size=64))).size) == 64
    assert {(one.category, one.listings) for one in client.categories()} == {
        ("Home & Garden", 4),
        ("Phones", 4),
        ("Baby & Kids Stuff", 4),
    }


@pytest.mark.parametrize("listing_id", ["none", "a/b", "../categories", "ü?k=1#x"])
def test_what_is_not_there_is_not_found_whatever_it_is_called(client: Client, listing_id: str) -> None:
    with pytest.raises(NotFound) as raised:
        client.listing(listing_id)
    assert raised.value.status == 404
    assert raised.value.request_id


def test_a_field_that_makes_no_sense_is_named(client: Client, jpeg: MakeJpeg) -> None:
    with pytest.raises(Rejected, match="must be 0 to 1") as raised:
        client.search(jpeg(), SearchFields(min_score=2.0))
    assert (raised.value.status, raised.value.field) == (400, "min_score")
    with pytest.raises(Rejected) as raised:
        client.similar("listing-1", SearchFields(k=1000))
    assert (raised.value.status, raised.value.field) == (400, "k")


def test_what_is_no_photo_and_an_address_inside_are_rejected_with_their_reasons(client: Client) -> None:
    with pytest.raises(Rejected) as raised:
        client.search(b"no photo")
    assert (raised.value.status, raised.value.reason) == (422, "not_an_image")
    with pytest.raises(Rejected) as raised:
        client.search_by(StoredSearch(image_url="http://127.0.0.1:9/photo.jpg"))
    assert (raised.value.status, raised.value.reason) == (422, "forbidden_address")


def test_a_file_that_is_not_there_is_not_sent(client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.search(tmp_path / "none.jpg")


def test_who_has_no_key_or_too_small_a_one_is_refused(connect: Connect, guarded: tuple[str, str]) -> None:
    url, key = guarded
    with pytest.raises(Refused) as raised:
        connect(url).categories()
    assert raised.value.status == 401
    reader = connect(url, key=key)
    assert reader.categories() == []
    with pytest.raises(Refused) as raised:
        reader.delete_listing("lamp")
    assert raised.value.status == 403


def test_a_listing_is_added_changed_replaced_and_deleted(
    connect: Connect, changing_url: str, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    file = tmp_path / "front.jpg"
    file.write_bytes(jpeg(1))
    client = connect(changing_url)
    new = NewListing(listing_id="lämp 1", title="Lamp", category="Home & Garden / Lamps", price="£12.50")
    added = client.add_listing(new, photos=[file, jpeg(2)])
    assert (added.outcome, len(added.photos)) == ("created", 2)
    with pytest.raises(Rejected) as raised:
        client.add_listing(new)
    assert raised.value.status == 409
    client.change_listing("lämp 1", ListingChange(title="Brass lamp", price=None))
    listing = client.listing("lämp 1")
    assert (listing.title, listing.price, len(listing.photos)) == ("Brass lamp", None, 2)
    client.change_listing("lämp 1", ListingChange(price=9.5), photos=[jpeg(3)])
    listing = client.listing("lämp 1")
    assert (listing.price, len(listing.photos)) == (9.5, 1)
    whole = WholeListing(title="Lamp", category="Phones")
    assert client.replace_listing("lämp 1", whole).outcome == "updated"
    assert client.listing("lämp 1").photos == []
    with pytest.raises(Rejected) as raised:
        client.replace_listing("lämp 1", WholeListing(title="", category="Phones"))
    assert (raised.value.field, raised.value.reason) == ("title", "missing_title")
    client.delete_listing("lämp 1")
    with pytest.raises(NotFound):
        client.delete_listing("lämp 1")


def test_a_form_that_cannot_say_what_is_to_change_is_not_sent(client: Client, jpeg: MakeJpeg) -> None:
    with pytest.raises(ValueError, match="description, price"):
        client.change_listing("listing-1", ListingChange(description="", price=None), photos=[jpeg()])


def test_files_are_ingested_once_for_a_key_and_the_job_is_told_of_until_it_has_ended(
    connect: Connect, changing_url: str, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    shop = marketplace(tmp_path / "shop", jpeg, count=2)
    shop.write_listings([["good", "Lamp", "Phones", "", "£1", ""], ["bad", "", "Phones", "", "£1", ""]])
    shop.write_photo_table([("photo-0-a", "good")])
    tables = (shop.folder / "listings.csv", shop.folder / "photos.csv")
    photos = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", shop.folder / "photos"))
    client = connect(changing_url)
    queued, again = (
        client.upload(tables[0], photos_table=tables[1], photos=photos, idempotency_key=tmp_path.name) for _ in range(2)
    )
    assert queued == again
    events = list(client.events(queued.job_id))
    assert ([one.job.ended for one in events[:-1]], events[-1].job.state) == (
        [False] * (len(events) - 1),
        "succeeded",
    )
    assert list(client.events(queued.job_id, last_event_id=events[-1].event_id)) == []
    assert client.job(queued.job_id) == events[-1].job
    assert client.jobs(state="succeeded", limit=1).jobs == [events[-1].job]
    assert ("bad", "missing_title") in [(one.id, one.reason) for one in client.rejects(queued.job_id)]
    with pytest.raises(Rejected) as raised:
        client.cancel(queued.job_id)
    assert raised.value.status == 409
    rebuilt = client.reindex(force=True)
    assert list(client.events(rebuilt.job_id))[-1].job.kind == "reindex"


def test_a_job_or_a_state_that_is_not_there_is_named(client: Client) -> None:
    for call in (client.job, client.rejects, client.cancel, lambda job_id: list(client.events(job_id))):
        with pytest.raises(NotFound):
            call("none")
    with pytest.raises(Rejected) as raised:
        client.jobs(state="no")
    assert raised.value.field == "state"


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (NewListing, listing_bodies.NewListingFields),
        (WholeListing, listing_bodies.ListingFields),
        (ListingChange, listing_bodies.ChangedFields),
    ],
)
def test_what_is_sent_of_a_listing_is_what_the_app_takes(
    sent: type[msgspec.Struct], taken: type[msgspec.Struct]
) -> None:
    assert {one.name for one in msgspec.structs.fields(sent)} == {
        "photos",
        *(one.name for one in msgspec.structs.fields(taken)),
    }


@pytest.mark.parametrize("state", JobState)
def test_a_job_has_ended_in_the_states_that_the_database_says(state: JobState) -> None:
    job = msgspec.convert(
        dict.fromkeys(JobAnswer.__struct_fields__)
        | {"job_id": "", "kind": "", "state": state, "cancel_requested": False, "counts": {}}
        | {"created_at": "2024-01-31T00:00:00Z"},
        JobAnswer,
    )
    assert job.ended == (state in ENDED)


@pytest.mark.parametrize("arguments", [("search", "PHOTO", "-k", "1"), ("classify", "PHOTO")])
def test_the_command_line_asks_a_server(
    url: str,
    shop: Marketplace,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = str(shop.folder / "photos" / "photo-4-a.jpg")
    out = commanded([photo if one == "PHOTO" else one for one in arguments], url, monkeypatch, capsys)
    assert ("listing-4" in out) == (arguments[0] == "search")
    assert '"model_version"' in out


def test_the_command_line_searches_by_a_listing(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = commanded(
        ["search", "--listing", "listing-3", "--currency", "GBP", "--region", "Manchester", "-k", "20"],
        url,
        monkeypatch,
        capsys,
    )
    assert '"listing-4"' in out
    assert '"listing-3"' not in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listing", "none"], "Not found"),
        ([], "Give a photo"),
        (["--listing", "listing-1", "--min-score", "2"], "min_score"),
        (["--listing", "listing-1", "--server", "nowhere"], "not an address"),
    ],
)
def test_the_command_line_says_in_one_line_what_was_wrong(
    url: str, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        commanded(["search", "--server", url, *arguments], "", monkeypatch, capsys)
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def commanded(
    arguments: list[str], url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Run `lookalike` against the server, and return what it prints."""
    asked = ["lookalike", *arguments, *(["--server", url, "--json"] if url else [])]
    monkeypatch.setattr(sys, "argv", asked)
    with pytest.raises(SystemExit) as ended:
        main()
    if ended.value.code:
        raise ended.value
    return capsys.readouterr().out
