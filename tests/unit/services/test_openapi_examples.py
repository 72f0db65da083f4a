"""Every parameter, body and answer in the OpenAPI document has an example, and the examples match their schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from services.ingest.app import ingest_part
from services.resources import Resources
from services.search.app import search_part
from services.settings import Settings
from services.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("data")
    resources = Resources(Settings(_env_file=None, data_dir=folder, threads=1))
    app = create_app(resources, title="Test", parts=[ingest_part(resources), search_part(resources)])
    described: dict[str, Any] = app.openapi_schema.to_schema()
    resources.close()
    return described


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def test_every_parameter_has_an_example(document: dict[str, Any]) -> None:
    without = [
        f"{name}: {parameter['name']}"
        for name, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if "example" not in parameter
    ]
    assert without == []


def test_every_answer_but_pictures_has_an_example(document: dict[str, Any]) -> None:
    without = [
        f"{name}: {status} {media_type}"
        for name, operation in operations(document)
        for status, answer in operation["responses"].items()
        for media_type, content in answer.get("content", {}).items()
        if not media_type.startswith("image/") and not content.get("examples")
    ]
    assert without == []


def test_every_request_body_has_an_example_or_a_curl_command(document: dict[str, Any]) -> None:
    without = [
        f"{name}: {media_type}"
        for name, operation in operations(document)
        if (body := operation.get("requestBody"))
        for media_type, content in body["content"].items()
        if not content.get("examples") and "curl" not in body["description"]
    ]
    assert without == []


def test_examples_match_their_schemas(document: dict[str, Any]) -> None:
    bodies = [
        content
        for _, operation in operations(document)
        for part in (*operation["responses"].values(), operation.get("requestBody", {}))
        for media_type, content in part.get("content", {}).items()
        if media_type == "application/json"
    ]
    bodies += [one["content"]["application/problem+json"] for one in document["components"]["responses"].values()]
    for body in bodies:
        schema = {**body["schema"], "components": document["components"]}
        for example in body["examples"].values():
            jsonschema_rs.validate(schema, example["value"])
    assert len(bodies) > 40
