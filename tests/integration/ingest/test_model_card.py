"""The REST calls that describe the live model."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.ingest.app import create_app
from services.ingest.models.evaluation import PAGE, report_folder
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path) -> Iterator[Resources]:
    with resources_in(tmp_path_factory.mktemp("card") / "data", model=tiny_bundle, like=live_data) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as opened:
        yield opened


def test_returns_the_card_of_the_live_model(client: TestClient[Litestar], tiny_bundle: Bundle) -> None:
    card = client.get("/v1/admin/model").json()
    assert card["model_version"] == tiny_bundle.version
    assert card["categories"] == list(tiny_bundle.categories)
    assert card["metrics"] == dict(tiny_bundle.metrics)
    assert card["photo_size"] == tiny_bundle.preprocessing.size
    assert card["has_report"] is False


def test_serves_the_report_and_forbids_it_to_load_anything(
    client: TestClient[Litestar], resources: Resources, tiny_bundle: Bundle, request: pytest.FixtureRequest
) -> None:
    folder = report_folder(resources.settings, tiny_bundle.version)
    folder.mkdir(parents=True)
    (folder / PAGE).write_text("<!doctype html><p>R@1 0.675 ü", encoding="utf-8")
    request.addfinalizer(lambda: shutil.rmtree(folder))
    answer = client.get("/v1/admin/model/report")
    assert answer.text == "<!doctype html><p>R@1 0.675 ü"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert client.get("/v1/admin/model").json()["has_report"] is True


def test_a_missing_report_is_not_found_and_the_problem_names_the_command(client: TestClient[Litestar]) -> None:
    answer = client.get("/v1/admin/model/report")
    assert answer.status_code == 404
    assert "lookalike evaluate" in answer.json()["detail"]
