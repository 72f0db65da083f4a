"""The API's description shows every parameter by an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.ingest.app import ingest_part
from services.resources import Resources
from services.search.app import search_part
from services.settings import Settings
from services.web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("data")
    resources = Resources(Settings(_env_file=None, data_dir=folder, threads=1))
    app = create_app(resources, title="Test", parts=[ingest_part(resources), search_part(resources)])
    described: dict[str, Any] = app.openapi_schema.to_schema()
    resources.close()
    return described


def test_every_parameter_has_an_example(document: dict[str, Any]) -> None:
    without = [
        f"{method} {path}: {parameter['name']}"
        for path, item in document["paths"].items()
        for method, call in item.items()
        for parameter in call.get("parameters", ())
        if "example" not in parameter and "examples" not in parameter
    ]
    assert without == []


def test_every_answer_in_json_has_an_example(document: dict[str, Any]) -> None:
    without = [
        f"{method} {path}: {status}"
        for path, item in document["paths"].items()
        for method, call in item.items()
        for status, answer in call["responses"].items()
        if not answer.get("content", {}).get("application/json", {"examples": "none needed"}).get("examples")
    ]
    assert without == []
