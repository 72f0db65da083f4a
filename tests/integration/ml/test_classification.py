"""The category of an item from photos, words, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from litestar.testing import TestClient

from ml.bundle.fusion import FusionWeights, TextModel
from ml.text.classifier import Words
from ml.text.fitting import fit_text_classifier
from services.search.app import create_app
from services.wire import MAX_CLASSIFIED_PHOTOS
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path) -> Iterator[Resources]:
    with resources_in(tmp_path_factory.mktemp("words") / "data", model=tiny_bundle, like=live_data) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def words(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> TextModel:
    """A text model that calls lamps the first category, and phones the second."""
    bundle = resources.embedder().bundle
    listings = [Words(f"{thing} {n} new", "used twice") for thing in ("lamp", "phone") for n in range(5)]
    classifier = fit_text_classifier(listings, np.repeat([0, 1], 5), count=len(bundle.categories))
    assert classifier is not None
    both = FusionWeights(0.5, 2.0, 0.9, 40)
    model = TextModel(classifier, {"title": FusionWeights(0, 2.0, 0.6, 40), "photo and title": both})
    monkeypatch.setattr(type(bundle), "text", model)
    return model


def classify(client: TestClient[Litestar], photos: int, jpeg: MakeJpeg, **fields: Any) -> dict[str, Any]:
    files = [("image", ("a.jpg", jpeg(seed=seed), "image/jpeg")) for seed in range(photos)]
    answer = (
        client.post("/v1/classify", files=files, data=fields) if photos else client.post("/v1/classify", json=fields)
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert sum(one["probability"] for one in found["categories"]) <= 1.001
    return found


@pytest.mark.usefixtures("words")
def test_a_title_alone_tells_the_category(client: TestClient[Litestar], resources: Resources, jpeg: MakeJpeg) -> None:
    categories = resources.embedder().bundle.categories
    lamp, phone = (classify(client, 0, jpeg, title=title) for title in ("A lamp", "Two phones"))
    assert [one["categories"][0]["category"] for one in (lamp, phone)] == list(categories[:2])
    assert (lamp["based_on"], lamp["confident"]) == ("title", True)
    assert (lamp["in_distribution"], lamp["ood_score"]) == (None, None)


@pytest.mark.parametrize(
    ("photos", "fields", "basis", "sources"),
    [
        (1, {}, "photo", ["photos"]),
        (3, {}, "photos", ["photos"]),
        (1, {"title": "A lamp"}, "photo and title", ["photos", "words"]),
        (2, {"title": "A lamp", "description": "new"}, "photos and text", ["photos", "words"]),
        (0, {"description": "a new lamp"}, "text", ["words"]),
        (1, {"title": " !? "}, "photo", ["photos"]),
        (1, {"title": "台灯"}, "photo", ["photos"]),
        (0, {"title": "台灯"}, "none", []),
    ],
)
@pytest.mark.usefixtures("words")
def test_the_answer_says_what_it_is_based_on_and_what_each_part_says(
    client: TestClient[Litestar], jpeg: MakeJpeg, photos: int, fields: dict[str, str], basis: str, sources: list[str]
) -> None:
    answer = classify(client, photos, jpeg, **fields)
    assert (answer["based_on"], [one["source"] for one in answer["evidence"]]) == (basis, sources)


def test_photos_and_words_are_joined_by_the_weights_of_their_basis(
    client: TestClient[Litestar], words: TextModel, jpeg: MakeJpeg
) -> None:
    photo = classify(client, 1, jpeg, k=100)
    both = classify(client, 1, jpeg, k=100, title="A lamp")
    said = words.classifier.log_probabilities(["A lamp"])[0]
    seen = {one["category"]: one["probability"] for one in photo["categories"]}
    names = sorted(seen)
    joint = 0.5 * np.log([max(seen[name], 1e-6) for name in names]) + 2.0 * said
    expected = np.exp(joint - np.logaddexp.reduce(joint))
    found = {one["category"]: one["probability"] for one in both["categories"]}
    assert [found[name] for name in names] == pytest.approx(list(expected), abs=0.01)


def test_several_photos_count_together_in_any_order(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    photos = [("image", ("a.jpg", jpeg(seed=seed), "image/jpeg")) for seed in range(3)]
    one, other = (client.post("/v1/classify", files=files).json() for files in (photos, photos[::-1]))
    assert one["categories"] == other["categories"]
    assert one["based_on"] == "photos"


def test_the_same_photo_twice_is_one_photo(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    photo = ("image", ("a.jpg", jpeg(), "image/jpeg"))
    once, twice = (client.post("/v1/classify", files=[photo] * count).json() for count in (1, 2))
    assert once == twice


def test_a_refused_photo_of_several_is_named(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    files = [("image", ("a.jpg", content, "image/jpeg")) for content in (jpeg(), b"no photo")]
    refused = client.post("/v1/classify", files=files)
    assert (refused.status_code, "Photo 2 of 2" in refused.text) == (422, True)


def test_a_model_without_words_uses_the_photo_and_says_so(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    assert classify(client, 1, jpeg, title="A lamp")["based_on"] == "photo"
    refused = client.post("/v1/classify", json={"title": "A lamp"})
    assert (refused.status_code, "lookalike train" in refused.text) == (409, True)


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": " ", "description": "\n"}])
def test_an_item_of_which_nothing_is_known_is_refused(client: TestClient[Litestar], body: dict[str, str]) -> None:
    refused = client.post("/v1/classify", json=body)
    assert (refused.status_code, refused.json()["field"]) == (400, "image")


def test_more_photos_than_an_item_may_have_are_refused(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    files = [("image", ("a.jpg", jpeg(), "image/jpeg"))] * (MAX_CLASSIFIED_PHOTOS + 1)
    refused = client.post("/v1/classify", files=files)
    assert (refused.status_code, refused.json()["field"]) == (400, "image")


@pytest.mark.usefixtures("words")
def test_a_long_text_is_answered(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    assert classify(client, 0, jpeg, title="lamp " * 20_000)["based_on"] == "title"
