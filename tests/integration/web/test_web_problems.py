"""Every error becomes a problem that names what is wrong and shows no internals."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody, QueryParameter
from litestar.testing import TestClient
from sqlalchemy.exc import OperationalError

from services.errors import (
    BadQuery,
    Conflict,
    IndexUnavailable,
    LookalikeError,
    ModelMissing,
    PhotoRejected,
    ResourceNotFound,
)
from services.web.app import AppPart, create_app
from tests.worlds import resources_in

SECRET = "the password is swordfish"
ERRORS: dict[str, Exception] = {
    "bad-query": BadQuery("k", "0 is out of range; it must be 1 to 100"),
    "photo": PhotoRejected("truncated", "The photo ends before its end."),
    "not-found": ResourceNotFound("listing", "nobody"),
    "conflict": Conflict("Nothing is embedded yet."),
    "no-model": ModelMissing(),
    "no-index": IndexUnavailable("qdrant", "connection refused"),
    "ours": LookalikeError("An error of ours without a class."),
    "unexpected": RuntimeError(SECRET),
    "database": OperationalError("SELECT 1", {}, Exception(SECRET)),
}


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class NestedBody(msgspec.Struct, forbid_unknown_fields=True):
    listing_id: str
    nested: object = None


@dataclass
class UploadForm:
    """A dataclass like the bulk upload: Litestar converts its fields in another way than a struct's."""

    photo: UploadFile
    note: str = ""


@get("/raise/{name:str}", sync_to_thread=False)
def fail(name: FromPath[str]) -> None:
    raise ERRORS[name]


@get("/ask", sync_to_thread=False)
def ask(k: Annotated[int, QueryParameter(ge=1)], name: FromQuery[str] = "") -> str:
    return f"{name}{k}"


@get("/paint", sync_to_thread=False)
def paint(
    in_colour: Annotated[Colour | None, QueryParameter(name="colour")] = None,
    finish: Annotated[Literal["matt", "gloss"], QueryParameter()] = "matt",
) -> str:
    return f"{in_colour} {finish}"


@post("/json", sync_to_thread=False)
def take_json(data: JSONBody[NestedBody]) -> NestedBody:
    return data


@post("/form")
async def take_form(data: MultipartBody[UploadForm]) -> int:
    return len(await data.photo.read())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    with resources_in(tmp_path_factory.mktemp("data")) as resources:
        app = create_app(resources, title="Test", parts=[AppPart([fail, ask, paint, take_json, take_form], {})])
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


def form(*parts: bytes) -> dict[str, Any]:
    """Return a multipart request with exactly these parts."""
    body = b"".join(b"--EDGE\r\n" + part + b"\r\n" for part in parts)
    return {
        "content": body + b"--EDGE--\r\n",
        "headers": {"content-type": "multipart/form-data; boundary=EDGE"},
    }


PHOTO = b'Content-Disposition: form-data; name="photo"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\nbytes'
NOTE = b'Content-Disposition: form-data; name="note"'


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("bad-query", 400),
        ("photo", 422),
        ("not-found", 404),
        ("conflict", 409),
        ("no-model", 503),
        ("no-index", 503),
        ("ours", 500),
    ],
)
def test_each_of_our_errors_has_its_status_and_message(client: TestClient[Litestar], name: str, status: int) -> None:
    assert problem(client.get(f"/raise/{name}"), status)["detail"] == str(ERRORS[name])


def test_names_the_reason_code_of_a_photo_and_the_field_of_a_query(client: TestClient[Litestar]) -> None:
    assert client.get("/raise/photo").json()["reason"] == "truncated"
    assert client.get("/raise/bad-query").json()["field"] == "k"


@pytest.mark.parametrize("name", ["no-model", "no-index", "database"])
def test_an_unavailable_service_sends_retry_after(client: TestClient[Litestar], name: str) -> None:
    assert int(client.get(f"/raise/{name}").headers["retry-after"]) > 0


@pytest.mark.parametrize(("name", "status"), [("unexpected", 500), ("database", 503)])
def test_logs_an_unexpected_error_and_hides_it_from_the_client(
    client: TestClient[Litestar], caplog: pytest.LogCaptureFixture, name: str, status: int
) -> None:
    with caplog.at_level(logging.ERROR, "services.web.problems"):
        answer = client.get(f"/raise/{name}")

    assert "swordfish" not in answer.text
    problem(answer, status)
    assert "swordfish" in caplog.text
    assert answer.headers["x-request-id"] in caplog.text


def test_an_internal_error_names_the_request_to_report(client: TestClient[Litestar]) -> None:
    answer = client.get("/raise/unexpected")
    assert answer.headers["x-request-id"] in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "detail"),
    [("/ask?k=0", "k: Expected `int` >= 1"), ("/ask?k=x", "k: Expected `int`, got `str`"), ("/ask", "'k'")],
)
def test_names_an_invalid_parameter(client: TestClient[Litestar], path: str, detail: str) -> None:
    assert detail in problem(client.get(path), 400)["detail"]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/paint?colour=blue", "colour: Invalid enum value 'blue'; choose from red, green"),
        ("/paint?finish=satin", "finish: Invalid enum value 'satin'; choose from matt, gloss"),
    ],
)
def test_lists_the_allowed_values_under_the_public_name_of_the_parameter(
    client: TestClient[Litestar], path: str, detail: str
) -> None:
    assert problem(client.get(path), 400)["detail"] == detail


def test_errors_of_the_router_are_problems_too(client: TestClient[Litestar]) -> None:
    assert "/docs" in problem(client.get("/nowhere"), 404)["detail"]
    refused = client.get("/json")
    assert "does not accept GET" in problem(refused, 405)["detail"]
    assert "POST" in refused.headers["allow"]


@pytest.mark.parametrize("path", ["/ask?k=1", "/nowhere", "/json", "/raise/unexpected"])
def test_every_answer_has_its_own_request_id(client: TestClient[Litestar], path: str) -> None:
    first, second = (client.get(path).headers["x-request-id"] for _ in range(2))
    assert first != second


def test_keeps_the_request_id_of_a_proxy(client: TestClient[Litestar]) -> None:
    assert client.get("/ask?k=1", headers={"X-Request-ID": "proxy-17"}).headers["x-request-id"] == "proxy-17"


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "line%0abreak"])
def test_replaces_a_request_id_that_could_corrupt_the_log(client: TestClient[Litestar], given: str) -> None:
    answered = client.get("/ask?k=1", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert answered != given
    assert len(answered) == 32


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b'{"listing_id": "\xff"}', "not UTF-8"),
        (b'{"listing_id": "a", "nested": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b'{"listing_id"', "not JSON"),
        (b"", "data"),
        (b"[]", "Expected `object`"),
        (b'{"listing_id": "a", "crop": 1}', "unknown field `crop`; the fields are listing_id, nested"),
    ],
    ids=["not UTF-8", "deep", "cut off", "empty", "an array", "an unknown field"],
)
def test_refuses_unreadable_json(client: TestClient[Litestar], content: bytes, detail: str) -> None:
    answer = client.post("/json", content=content, headers={"content-type": "application/json"})
    assert detail in problem(answer, 400)["detail"]


@pytest.mark.parametrize(
    ("request_parts", "detail"),
    [
        (form(PHOTO, PHOTO), "one file, not several"),
        (form(b'Content-Disposition: form-data; name="photo"\r\n\r\ntext'), "send a file"),
        # Notes first: Litestar leaves a file that it has read by then to the garbage collector, which warns.
        (form(NOTE + b"\r\nContent-Type: text/plain; charset=klingon\r\n\r\nx", PHOTO), "charset"),
        (form(NOTE + b"\r\nContent-Type: text/plain; charset=hex\r\n\r\nx", PHOTO), "charset"),
        (form(NOTE + b"\r\n\r\n\xff", PHOTO), "charset"),
        (form(NOTE + b"\r\n\r\nx"), "photo"),
        ({"content": b"--EDGE", "headers": {"content-type": "multipart/form-data; boundary=EDGE"}}, "multipart"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, "boundary"),
    ],
    ids=["two files", "text for a file", "no such charset", "no text", "not UTF-8", "no file", "cut off", "no edge"],
)
def test_refuses_an_unreadable_form(client: TestClient[Litestar], request_parts: dict[str, Any], detail: str) -> None:
    assert detail in problem(client.post("/form", **request_parts), 400)["detail"]


def test_reads_a_complete_form(client: TestClient[Litestar]) -> None:
    assert client.post("/form", **form(PHOTO, NOTE + b"\r\n\r\nx")).json() == len(b"bytes")


def test_refuses_a_body_over_the_limit_before_reading_it(client: TestClient[Litestar], tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(25 * 2**20)
    with large.open("rb") as file:
        problem(client.post("/form", files={"photo": ("large.jpg", file)}), 413)
