"""Hostile photos and broken requests get a 4xx problem with a reason, and the service keeps working."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from db.rows import jobs
from services.search.app import create_app
from tests.photos.hostile import PILLOW_MAY_WARN, HostilePhoto, hostile_photos
from tests.worlds import adds_up, ingest, listing_row, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg

pytestmark = PILLOW_MAY_WARN
HOSTILE = hostile_photos()
BOUNDARY = b"BOUNDARY"
IMAGE = b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg'
FIELD_K = b'Content-Disposition: form-data; name="k"'


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> Iterator[TestClient[Litestar]]:
    folder = tmp_path_factory.mktemp("world")
    with resources_in(folder / "data", model=tiny_bundle) as resources:
        ingest(resources, marketplace(folder / "shop", jpeg, count=2).inputs)
        with TestClient(create_app(resources), raise_server_exceptions=False) as client:
            yield client


def assert_problem(answer: Any) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["detail"]


def form(*parts: tuple[bytes, bytes]) -> dict[str, Any]:
    """Build a multipart request body as a broken client would send it."""
    body = b"".join(b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return {
        "content": body + b"--" + BOUNDARY + b"--\r\n",
        "headers": {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"},
    }


def test_there_are_at_least_60_hostile_files() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("photo", HOSTILE, ids=lambda photo: photo.name)
@pytest.mark.parametrize("path", ["/v1/search", pytest.param("/v1/classify", marks=pytest.mark.slow)])
def test_answers_a_hostile_photo_or_refuses_it_with_a_reason(
    client: TestClient[Litestar], path: str, photo: HostilePhoto
) -> None:
    answer = client.post(path, files={"image": ("photo.jpg", photo.content)})
    if answer.status_code == 200:
        assert photo.acceptable is not False
    else:
        assert_problem(answer)
        assert photo.acceptable is not True
        assert answer.json()["reason"]


def test_still_finds_a_valid_photo_after_all_hostile_ones(client: TestClient[Litestar], jpeg: MakeJpeg) -> None:
    for photo in HOSTILE:
        if photo.acceptable is False:
            assert client.post("/v1/search", files={"image": ("photo.jpg", photo.content)}).status_code == 422
    answer = client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=2))})
    assert answer.json()["results"][0]["listing_id"] == "listing-1"


def test_an_ingest_rejects_hostile_files_with_a_reason_and_embeds_the_rest(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    shop = marketplace(tmp_path / "shop", jpeg, count=1)
    shop.write_listings([listing_row(0)])
    shop.write_photo_table(
        [(f"hostile-{number}", "listing-0") for number in range(len(HOSTILE))] + [("photo-0-a", "listing-0")]
    )
    for number, photo in enumerate(HOSTILE):
        shop.write_photo(f"hostile-{number}", photo.content)
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        summary = ingest(resources, shop.inputs).summary
        with resources.database.read() as session:
            refused = {reject.record_id for reject in jobs.rejects_of(session, summary.job_id)}
    assert adds_up(summary)
    counts = summary.counts
    assert counts["photos_accepted"] == counts["photos_embedded"] + counts["photos_failed"]
    for number, photo in enumerate(HOSTILE):
        if photo.acceptable is not None:
            assert (f"hostile-{number}" not in refused) == photo.acceptable, photo.name


# Litestar 2.25 leaves the temporary files of an aborted form to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    "request_parts",
    [
        {"content": b'{"listing_id": "\xff"}', "headers": {"content-type": "application/json"}},
        {"content": b'{"k":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "headers": {"content-type": "application/json"}},
        {"content": b'{"listing_id"', "headers": {"content-type": "application/json"}},
        {"content": b"", "headers": {"content-type": "application/json"}},
        {"json": {"listing_id": 7}},
        {"json": {"listing_id": "listing-0", "colour": "red"}},
        {"json": {"listing_id": "listing-0", "k": "many"}},
        {"json": ["listing-0"]},
        {"content": b"listing-0", "headers": {"content-type": "text/plain"}},
        form((IMAGE, b"one"), (IMAGE, b"two")),
        form((b'Content-Disposition: form-data; name="image"', b"no file name")),
        form((FIELD_K, b"5")),
        form((IMAGE, b""), (FIELD_K, b"5")),
        form((IMAGE, b"x"), (FIELD_K, b"0")),
        form((IMAGE, b"x"), (FIELD_K, b"five")),
        form((IMAGE, b"x"), (FIELD_K, b"\xff")),
        form((IMAGE, b"x"), (FIELD_K + b"\r\nContent-Type: text/plain; charset=nonsense", b"5")),
        form((IMAGE, b"x"), (FIELD_K + b"\r\nContent-Type: text/plain; charset=hex", b"5")),
        form((IMAGE, b"x"), (FIELD_K, b"5"), (FIELD_K, b"6")),
        form(*[(IMAGE, b"x")] * 1200),
        {"content": b"--BOUNDARY\r\n" + IMAGE, "headers": {"content-type": "multipart/form-data"}},
        {"content": b"", "headers": {"content-type": "multipart/form-data; boundary=BOUNDARY"}},
    ],
    ids=range(22),
)
def test_refuses_a_broken_request_with_a_reason(client: TestClient[Litestar], request_parts: dict[str, Any]) -> None:
    assert_problem(client.post("/v1/search", **request_parts))


def test_answers_413_to_a_body_over_the_limit(client: TestClient[Litestar]) -> None:
    answer = client.post("/v1/search", files={"image": ("photo.jpg", b"\xff\xd8\xff" + b"x" * (21 * 2**20))})
    assert answer.status_code == 413
    assert_problem(answer)


def test_answers_405_to_a_wrong_method(client: TestClient[Litestar]) -> None:
    answer = client.get("/v1/classify")
    assert answer.status_code == 405
    assert_problem(answer)
