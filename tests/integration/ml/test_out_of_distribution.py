"""Photos unlike the photos that the model was trained on: what classification and searches answer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from litestar.testing import TestClient
from PIL import Image, ImageDraw

from ml.bundle.bundle import Bundle
from ml.bundle.calibration import Calibration
from ml.evaluation.foreign_pictures import foreign_pictures
from ml.sample import MODEL, render_listing
from ml.sample.catalogue import make_listings
from services.search.app import create_app
from services.search.service import SearchService
from tests.projection import write_detecting
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from services.resources import Resources
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg

DRAWN, LISTINGS = 5, 4
FOREIGN = 100
"""Seed of a photo that the shop does not have."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchService]:
    """Classifies with the demo's model."""
    with resources_in(tmp_path_factory.mktemp("demo") / "data", model=Bundle.load(MODEL)) as opened:
        opened.ensure_generation()
        yield SearchService(opened)


def plain_square() -> bytes:
    picture, out = Image.new("RGB", (300, 300), "white"), io.BytesIO()
    ImageDraw.Draw(picture).rectangle((90, 90, 210, 210), fill=(40, 92, 200))
    picture.save(out, "PNG")
    return out.getvalue()


def test_a_plain_square_is_not_confident_although_its_category_is_likely(demo: SearchService) -> None:
    found = demo.classify([plain_square()])
    assert found.categories[0].probability > 0.9
    assert (found.confident, found.in_distribution) == (False, False)
    assert found.ood_score is not None
    assert found.ood_score > 1


def test_foreign_pictures_are_not_confident(demo: SearchService) -> None:
    found = [demo.classify([picture]) for pictures in foreign_pictures(3).values() for picture in pictures]
    assert sum(one.confident for one in found) <= 1
    assert sum(one.in_distribution is False for one in found) >= len(found) - 1


def test_drawn_items_of_the_demo_are_confident(demo: SearchService, tmp_path: Path) -> None:
    for listing in make_listings(DRAWN, np.random.default_rng(7)):
        render_listing(listing, tmp_path)
    found = [demo.classify([file.read_bytes()]) for file in sorted(tmp_path.iterdir())]
    assert len(found) == 2 * DRAWN
    assert sum(one.confident and one.in_distribution is True for one in found) >= 2 * DRAWN - 1  # 5 % false alarms


@pytest.fixture(scope="module")
def detecting(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg) -> Bundle:
    """The tiny bundle with a detector that knows the shop's photos only."""
    known = [jpeg(seed=seed) for seed in range(2 * LISTINGS)]
    calibration = Calibration(1.0, confident_from=0.5, confident_from_by_category={}, score_map=None, photos=40)
    out = tmp_path_factory.mktemp("detecting") / "model"
    return write_detecting(out, tiny_bundle, known, calibration=calibration)


@pytest.fixture(scope="module")
def resources(
    tmp_path_factory: pytest.TempPathFactory, detecting: Bundle, live_data: Path, jpeg: MakeJpeg
) -> Iterator[Resources]:
    folder = tmp_path_factory.mktemp("world")
    shop = marketplace(folder / "shop", jpeg, count=LISTINGS)
    with resources_in(folder / "data", model=detecting, like=live_data) as opened:
        ingest(opened, shop.inputs)
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources)) as client:
        yield client


def answer(client: TestClient[Litestar], path: str, photo: bytes, **fields: Any) -> dict[str, Any]:
    answered = client.post(path, files={"image": photo}, data=fields)
    assert answered.status_code == 200, answered.text
    return answered.json()


@pytest.mark.parametrize(("seed", "expected"), [(0, True), (FOREIGN, False)])
def test_classification_compares_the_photo_with_the_training_photos(
    client: TestClient[Litestar], jpeg: MakeJpeg, seed: int, *, expected: bool
) -> None:
    classified = answer(client, "/v1/classify", jpeg(seed=seed))
    assert classified["in_distribution"] is expected
    assert (classified["ood_score"] <= 1) is expected
    assert classified["confident"] is (expected and classified["categories"][0]["probability"] >= 0.5)


def test_a_search_says_whether_its_photo_is_in_distribution_on_each_first_page(
    client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    first = answer(client, "/v1/search", jpeg(seed=FOREIGN), k=2)
    assert first["in_distribution"] is False
    again = client.post("/v1/search", json={"query_token": first["query_token"], "k": 2}).json()
    assert again["in_distribution"] is False
    following = client.post("/v1/search", json={"cursor": first["cursor"], "k": 2}).json()
    assert "in_distribution" not in following


def test_a_search_by_a_stored_listing_says_it_too(client: TestClient[Litestar]) -> None:
    assert client.get("/v1/listings/listing-0/similar").json()["in_distribution"] is True


def test_a_search_by_an_average_does_not_know(client: TestClient[Litestar]) -> None:
    answered = client.post("/v1/recommend", json={"positive": ["listing-0", "listing-1"]})
    assert answered.status_code == 200
    assert "in_distribution" not in answered.json()


def test_a_category_aware_search_prefers_no_category_of_a_foreign_photo(
    client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    own, foreign = (answer(client, "/v1/search", jpeg(seed=seed), k=2, category_aware="true") for seed in (0, FOREIGN))
    assert own["restricted_to"]
    assert "restricted_to" not in foreign


def test_the_command_says_that_a_photo_is_unlike_the_training_photos(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lookalike: RunCommand, jpeg: MakeJpeg
) -> None:
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(resources.settings.data_dir))
    monkeypatch.setenv("LOOKALIKE_MODEL", str(resources.settings.model))
    for seed in (0, FOREIGN):
        (tmp_path / f"{seed}.jpg").write_bytes(jpeg(seed=seed))
    (_, own, _), (_, foreign, _) = (lookalike("classify", str(tmp_path / f"{seed}.jpg")) for seed in (0, FOREIGN))
    assert "unlike" not in own
    assert "unlike anything that the model was trained on" in " ".join(foreign.split())
    assert "Not confident" in foreign
