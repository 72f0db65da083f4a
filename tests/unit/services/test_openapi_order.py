"""The OpenAPI document opens with an introduction, and has its tags and calls in the order of use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.ingest.app import ingest_part
from services.resources import Resources
from services.search.app import search_part
from services.search.query.frozen_results import MAX_DEPTH
from services.settings import Settings
from services.web.app import create_app
from services.web.openapi.introduction import BASE_URL, CALLS, TAGS
from services.wire import MAX_K

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litestar import Litestar

    from services.web.app import AppPart


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("data"),
        threads=1,
        rate_limit_per_minute=90,
        max_upload_bytes="9 MiB",
    )
    opened = Resources(settings)
    yield opened
    opened.close()


def app_of(resources: Resources, parts: Sequence[AppPart]) -> Litestar:
    return create_app(resources, title="Test", parts=parts)


@pytest.fixture(scope="module")
def document(resources: Resources) -> dict[str, Any]:
    app = app_of(resources, [ingest_part(resources), search_part(resources)])
    described: dict[str, Any] = app.openapi_schema.to_schema()
    return described


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


def test_every_call_has_one_described_tag_and_a_summary(document: dict[str, Any]) -> None:
    for operation in operations(document):
        (tag,) = operation["tags"]
        assert tag in TAGS, operation["operationId"]
        assert operation["summary"], operation["operationId"]


def test_tags_come_in_the_order_of_use_with_a_description(document: dict[str, Any]) -> None:
    assert [tag["name"] for tag in document["tags"]] == ["search", "catalogue", "ingest", "admin", "health"]
    assert all(tag["description"] for tag in document["tags"])


def test_the_order_names_every_call_once(document: dict[str, Any]) -> None:
    assert sorted(CALLS) == sorted(operation["operationId"] for operation in operations(document))


def test_the_first_call_is_the_search_and_calls_of_one_path_stay_together(document: dict[str, Any]) -> None:
    assert next(iter(document["paths"])) == "/v1/search"
    first = [min(CALLS.index(call["operationId"]) for call in item.values()) for item in document["paths"].values()]
    assert first == sorted(first)
    assert list(document["paths"]["/v1/listings"]) == ["get", "post", "delete"]


def test_the_introduction_says_what_it_is_and_names_keys_errors_pages_and_the_limits_of_this_server(
    document: dict[str, Any],
) -> None:
    text = document["info"]["description"]
    assert text.startswith("Lookalike finds listings by photo")
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [f"## {name}" for name in ("First calls", "Keys", "Errors", "Pages", "Limits", "Python client")]
    for named in (f"curl -s -F image=@photo.jpg -F k=3 {BASE_URL}/v1/search", "9 MiB", "90 calls a minute"):
        assert named in text
    assert f"at most {MAX_DEPTH} results, {MAX_K} a page" in " ".join(text.split())


def test_a_service_apart_introduces_its_own_calls(resources: Resources) -> None:
    ingest = app_of(resources, [ingest_part(resources)]).openapi_schema.to_schema()
    assert "/v1/search" not in ingest["paths"]
    assert f"curl -s '{BASE_URL}/v1/jobs?limit=3'" in ingest["info"]["description"]
    assert [tag["name"] for tag in ingest["tags"]] == ["ingest", "admin", "health"]
    search = app_of(resources, [search_part(resources)]).openapi_schema.to_schema()
    assert [tag["name"] for tag in search["tags"]] == ["search", "catalogue", "health"]
