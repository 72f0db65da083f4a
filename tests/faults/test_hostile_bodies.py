"""Every route that reads a body answers a broken or unreasonable one with a 4xx problem."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from services.cli.serve import build_app
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

# Litestar 2.25 leaves the temporary files of an aborted form to the garbage collector
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file:ResourceWarning"
)

TAKE_JSON = {
    "/v1/search": '{"listing_id": "a", "crop": %s}',
    "/v1/search/batch": '{"queries": %s}',
    "/v1/recommend": '{"positive": %s}',
    "/v1/listings": '{"title": %s, "category": "a"}',
    "/v1/admin/reindex": '{"model_version": %s}',
    "/v1/admin/duplicates/review": '{"listing_id": %s, "other_listing_id": "b", "decision": "accept"}',
}
FILE_OF = {"/v1/search": "image", "/v1/classify": "image", "/v1/listings/bulk": "listings"}
TAKE_FILES = [*FILE_OF, "/v1/listings"]
STORED = [{"listing_id": "a"}]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    with (
        resources_in(tmp_path_factory.mktemp("data")) as resources,
        TestClient(build_app(resources), raise_server_exceptions=False) as client,
    ):
        yield client


def refused(answer: Any, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


def send(client: TestClient[Litestar], path: str, content: bytes, kind: str = "application/json") -> Any:
    return client.post(path, content=content, headers={"content-type": kind})


def form(*parts: tuple[str, bytes]) -> dict[str, Any]:
    """Build a multipart body from the text after `Content-Disposition: form-data; ` and the content."""
    body = b"".join(
        f"--EDGE\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return {"content": body + b"--EDGE--\r\n", "headers": {"content-type": "multipart/form-data; boundary=EDGE"}}


@pytest.mark.parametrize("path", TAKE_JSON)
def test_refuses_json_that_is_not_utf_8(client: TestClient[Litestar], path: str) -> None:
    content = TAKE_JSON[path].encode() % b'"\xff"'
    assert "not UTF-8" in refused(send(client, path, content))


@pytest.mark.parametrize("path", TAKE_JSON)
def test_refuses_deeply_nested_json(client: TestClient[Litestar], path: str) -> None:
    content = TAKE_JSON[path] % ("[" * 100_000 + "]" * 100_000)
    assert "too deep" in refused(send(client, path, content.encode()))


@pytest.mark.parametrize("path", TAKE_JSON)
@pytest.mark.parametrize("content", [b"[]", b"7", b'"text"', b"null", b"{", b"NaN"])
def test_refuses_json_that_is_not_an_object(client: TestClient[Litestar], path: str, content: bytes) -> None:
    refused(send(client, path, content))


@pytest.mark.parametrize("path", TAKE_JSON)
def test_refuses_json_numbers_out_of_range(client: TestClient[Litestar], path: str) -> None:
    refused(send(client, path, (TAKE_JSON[path] % ("9" * 400)).encode()))


@pytest.mark.parametrize("path", [*TAKE_JSON, *TAKE_FILES])
def test_does_not_read_a_body_whose_stated_length_exceeds_the_limit(client: TestClient[Litestar], path: str) -> None:
    kind = "multipart/form-data; boundary=EDGE" if path not in TAKE_JSON else "application/json"
    headers = {"content-type": kind, "content-length": str(10**12)}
    refused(client.post(path, content=b"{}", headers=headers), 413)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/listings/bulk"])
def test_refuses_two_files_for_one_field(client: TestClient[Litestar], path: str) -> None:
    file = (f'name="{FILE_OF[path]}"; filename="a.csv"', b"x")
    assert "one file, not several" in refused(client.post(path, **form(file, file)))


@pytest.mark.parametrize("path", FILE_OF)
def test_refuses_text_for_a_file_field(client: TestClient[Litestar], path: str) -> None:
    refused(client.post(path, **form((f'name="{FILE_OF[path]}"', b"text"))))


@pytest.mark.parametrize("path", TAKE_FILES)
@pytest.mark.parametrize("charset", ["klingon", "hex", "utf-8"])
def test_refuses_text_that_is_not_in_its_stated_charset(client: TestClient[Litestar], path: str, charset: str) -> None:
    text = (f'name="note"\r\nContent-Type: text/plain; charset={charset}', b"\xff")
    assert "charset" in refused(client.post(path, **form(text)))


@pytest.mark.parametrize("path", TAKE_FILES)
def test_refuses_a_form_with_very_many_parts(client: TestClient[Litestar], path: str) -> None:
    refused(client.post(path, **form(*[('name="k"', b"1")] * 1200)))


@pytest.mark.parametrize("count", [0, 21])
def test_a_batch_has_1_to_20_searches(client: TestClient[Litestar], count: int) -> None:
    answer = client.post("/v1/search/batch", json={"queries": STORED * count})
    assert f"has {count} searches" in refused(answer)


@pytest.mark.parametrize("k", [0, -1, 101, 10**30, 1.5, "5", True])
def test_recommendations_are_1_to_100(client: TestClient[Litestar], k: object) -> None:
    assert refused(client.post("/v1/recommend", json={"positive": ["a"], "k": k})).startswith("k:")


@pytest.mark.parametrize("k", [0, 101])
def test_an_invalid_k_fails_only_its_search_of_a_batch(client: TestClient[Litestar], k: int) -> None:
    answers = client.post("/v1/search/batch", json={"queries": [{"listing_id": "a", "k": k}]}).json()["answers"]
    assert (answers[0]["problem"]["status"], answers[0]["problem"]["field"]) == (400, "k")


def test_refuses_a_recommendation_from_too_many_listings(client: TestClient[Litestar]) -> None:
    body = {"positive": ["a"] * 60, "negative": ["b"] * 41}
    assert "the limit is 100" in refused(client.post("/v1/recommend", json=body))


@pytest.mark.parametrize("force", [0, 1, "true"])
def test_refuses_a_reindex_with_a_force_that_is_not_boolean(client: TestClient[Litestar], force: object) -> None:
    assert "force" in refused(send(client, "/v1/admin/reindex", json.dumps({"force": force}).encode()))


def test_refuses_null_as_a_query_parameter(client: TestClient[Litestar]) -> None:
    assert "leave it out" in refused(client.get("/v1/jobs?state=null"))
    assert "leave it out" in refused(client.get("/v1/listings/a/similar?price_max=null"))
