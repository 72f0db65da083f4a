"""The search calls of the sync and the async client, against a real server."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from services.client import Client, NotFound, Refused, Rejected
from services.wire import Recommendation, SearchFields, StoredSearch

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Connect
    from tests.conftest import MakeJpeg
    from tests.worlds import Marketplace


def test_searches_by_the_bytes_and_by_the_file_of_a_photo(client: Client, shop: Marketplace) -> None:
    file = shop.folder / "photos" / "photo-4-a.jpg"
    for photo in (file, file.read_bytes()):
        answer = client.search(photo, SearchFields(k=1))
        assert [result.listing_id for result in answer.results] == ["listing-4"]


def test_sends_every_kind_of_field_with_searches_by_photo_and_by_listing(client: Client, jpeg: MakeJpeg) -> None:
    fields = SearchFields(
        k=100,
        category=["Phones", "Home & Garden"],
        price_min=2.5,
        price_max=8.0,
        location="Delph",
        exclude_listing=["listing-1", "listing-6"],
        category_aware=False,
    )
    expected = {"listing-3", "listing-4", "listing-7"}  # at 4, 5 and 8 pounds; every third is for babies
    assert {result.listing_id for result in client.search(jpeg(), fields).results} == expected
    assert {result.listing_id for result in client.similar("listing-0", fields).results} == expected


def test_searches_by_a_listing_a_query_token_and_a_stored_photo(client: Client) -> None:
    by_listing = client.search_by(StoredSearch(listing_id="listing-3", k=5))
    assert by_listing.results == client.similar("listing-3", SearchFields(k=5)).results
    assert by_listing.results == client.search_by(StoredSearch(query_token=by_listing.query_token, k=5)).results
    photo_id = client.listing("listing-3").photos[0].photo_id
    assert "listing-3" not in [
        result.listing_id for result in client.search_by(StoredSearch(photo_id=photo_id)).results
    ]


def test_pages_return_every_listing_once(client: Client, jpeg: MakeJpeg) -> None:
    first = client.search(jpeg(), SearchFields(k=5))
    assert [len(page.results) for page in client.pages(first)] == [5, 5, 2]
    listing_ids = [result.listing_id for result in client.results(first, k=4)]
    assert sorted(listing_ids) == sorted(f"listing-{number}" for number in range(12))


def test_results_stop_at_the_limit_within_a_page(client: Client, jpeg: MakeJpeg) -> None:
    first = client.search(jpeg(), SearchFields(k=5))
    listing_ids = [result.listing_id for result in client.results(first, limit=7)]
    assert listing_ids == [result.listing_id for result in client.results(first)][:7]
    assert list(client.results(first, limit=0)) == []


def test_results_ask_for_no_page_beyond_the_limit(connect: Connect, jpeg: MakeJpeg, url: str) -> None:
    first = connect(url).search(jpeg(), SearchFields(k=5))
    assert len(list(connect("http://127.0.0.1:1").results(first, limit=5))) == 5


def test_a_failed_search_of_a_batch_does_not_fail_the_others(client: Client) -> None:
    good, bad = client.search_batch([StoredSearch(listing_id="listing-3"), StoredSearch(listing_id="none")]).answers
    assert good.answer is not None
    assert len(good.answer.results) == 10
    assert bad.problem is not None
    assert (bad.answer, bad.problem.status) == (None, 404)


def test_recommendations_exclude_the_liked_and_disliked_listings(client: Client) -> None:
    answer = client.recommend(Recommendation(positive=["listing-1"], negative=["listing-2"], k=100))
    assert len(answer.results) == 10
    assert {"listing-1", "listing-2"}.isdisjoint(result.listing_id for result in answer.results)


def test_returns_the_newest_listings_and_the_duplicates_of_a_listing(client: Client) -> None:
    page = client.newest_listings(limit=5)
    assert len(page.listings) == 5
    older = client.newest_listings(limit=5, cursor=page.cursor)
    assert {result.listing_id for result in page.listings}.isdisjoint(result.listing_id for result in older.listings)
    assert client.duplicates("listing-1", k=0) == []
    with pytest.raises(NotFound):
        client.duplicates("nobody")


def test_returns_the_newest_listings_that_are_sold_or_for_sale(client: Client) -> None:
    assert client.newest_listings(sold=True).listings == []
    assert len(client.newest_listings(limit=5, sold=False).listings) == 5


def test_rejects_text_in_place_of_a_photo_without_sending_a_request(client: Client) -> None:
    with pytest.raises(TypeError, match="image_url"):
        client.search("lamp.jpg")  # type: ignore[arg-type]


def test_classifies_a_whole_photo_or_a_part_of_it(client: Client, jpeg: MakeJpeg) -> None:
    whole, part = (client.classify(jpeg(), k=2, crop=crop) for crop in (None, "0,0,0.5,0.5"))
    assert len(whole.categories) == len(part.categories) == 2
    assert whole.categories[0].probability != part.categories[0].probability


def test_classifies_several_photos_and_refuses_words_that_the_model_does_not_know(
    client: Client, jpeg: MakeJpeg
) -> None:
    assert client.classify(jpeg(), jpeg(seed=2), title="A lamp").based_on == "photos"
    with pytest.raises(Rejected, match="tells no category from words alone"):
        client.classify(title="A lamp")


def test_returns_a_listing_its_photos_and_the_categories(client: Client, shop: Marketplace) -> None:
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
def test_raises_not_found_for_an_unknown_listing_id_of_any_characters(client: Client, listing_id: str) -> None:
    with pytest.raises(NotFound) as raised:
        client.listing(listing_id)
    assert raised.value.status == 404
    assert raised.value.request_id


def test_names_the_field_that_is_invalid(client: Client, jpeg: MakeJpeg) -> None:
    with pytest.raises(Rejected, match=r"min_score: .* 0 to 1") as raised:
        client.search(jpeg(), SearchFields(min_score=2.0))
    assert (raised.value.status, raised.value.field) == (400, "min_score")
    with pytest.raises(Rejected) as raised:
        client.similar("listing-1", SearchFields(k=1000))
    assert (raised.value.status, raised.value.field) == (400, "k")


def test_gives_the_reason_code_of_a_rejected_photo(client: Client) -> None:
    with pytest.raises(Rejected) as raised:
        client.search(b"no photo")
    assert (raised.value.status, raised.value.reason) == (422, "not_an_image")
    with pytest.raises(Rejected) as raised:
        client.search_by(StoredSearch(image_url="http://127.0.0.1:9/photo.jpg"))
    assert (raised.value.status, raised.value.reason) == (422, "forbidden_address")


def test_raises_file_not_found_for_a_missing_photo_file(client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.search(tmp_path / "none.jpg")


def test_refuses_a_missing_key_and_a_key_whose_role_is_too_low(connect: Connect, guarded: tuple[str, str]) -> None:
    url, key = guarded
    with pytest.raises(Refused) as raised:
        connect(url).categories()
    assert raised.value.status == 401
    reader = connect(url, key=key)
    assert reader.categories() == []
    with pytest.raises(Refused) as raised:
        reader.delete_listing("lamp")
    assert raised.value.status == 403
