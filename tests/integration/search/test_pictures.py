"""Photos and thumbnails over HTTP: content and cache headers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, get_args

import pytest
from litestar.testing import TestClient
from PIL import Image

from db.rows import photos
from db.rows.photos import PhotoSet, StoredPhoto
from ml.photos.clean import ShownFormat
from services.search.app import create_app
from services.search.rest.pictures import MEDIA_TYPES
from services.search.rest.thumbnails import FORMATS
from tests.photos.files import encode, picture
from tests.profiles import rgb_profile, shown_with
from tests.truth import LAMP, add_listings
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litestar import Litestar

    from services.resources import Resources
    from tests.conftest import MakeJpeg


ORIENTATION, TURNED_LEFT = 0x0112, 6


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """One listing; the tests replace its only photo."""
    with resources_in(tmp_path_factory.mktemp("pictures")) as opened:
        add_listings(opened.database, LAMP)
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        yield client


def store(resources: Resources, content: bytes, image_format: str = "JPEG") -> None:
    """Replace the lamp's only photo."""
    stored = StoredPhoto("lamp", "p1", "p1", resources.photo_files.put(content), image_format, len(content), 8, 8)
    with resources.database.write() as session:
        photos.register_photos(session, [PhotoSet("lamp", [stored])])


@pytest.mark.parametrize("damage", [lambda content: content[:-7], lambda content: content[:-7] + b"?" + content[-6:]])
@pytest.mark.parametrize("path", ["", "/thumbnail"])
def test_a_damaged_file_is_not_shown_until_the_photo_is_sent_again(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg, damage: Callable[[bytes], bytes], path: str
) -> None:
    store(resources, jpeg(seed=5))
    url = the_photo(client)["url"].partition("?")[0] + path
    sound = client.get(url)
    with resources.database.read() as session:
        (row,) = photos.photos_of(session, ["lamp"])
    file = resources.photo_files.local_path(row.sha256)
    file.write_bytes(damage(file.read_bytes()))
    answer = client.get(url)
    assert answer.status_code == 503
    assert f"The stored file of photo {row.id} is damaged. Send the photos of its listing again" in answer.text
    assert "etag" not in answer.headers
    assert client.get(url, headers={"If-None-Match": sound.headers["etag"]}).status_code == 304
    store(resources, jpeg(seed=5))
    assert client.get(url).content == sound.content


def the_photo(client: TestClient[Litestar]) -> dict[str, str]:
    (photo,) = client.get("/v1/listings/lamp").json()["photos"]
    return photo


def drawn(image_format: str, *, size: tuple[int, int] = (80, 40), orientation: int = 1) -> bytes:
    """A picture, red on the left and blue on the right, with a private comment."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E] = orientation, "taken at home"
    out = io.BytesIO()
    picture.save(out, image_format, **({"exif": exif} if image_format == "JPEG" else {}))
    return out.getvalue()


def pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB").tobytes()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_returns_the_pixels_of_a_photo_with_its_media_type(
    resources: Resources, client: TestClient[Litestar], image_format: str
) -> None:
    store(resources, drawn(image_format), image_format)

    answer = client.get("/v1/photos/1")

    assert pixels(answer.content) == pixels(drawn(image_format))
    assert b"taken at home" not in answer.content
    assert answer.headers["content-type"] == f"image/{image_format.lower()}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_photo_that_an_earlier_version_stored_turned_is_returned_upright(
    resources: Resources, client: TestClient[Litestar]
) -> None:
    store(resources, drawn("JPEG", size=(80, 40), orientation=TURNED_LEFT))

    with Image.open(io.BytesIO(client.get("/v1/photos/1").content)) as picture:
        assert (picture.size, picture.format, dict(picture.getexif())) == ((40, 80), "JPEG", {})
        red, _, blue = picture.convert("RGB").getpixel((20, 10))  # type: ignore[misc]
    assert red > blue


@pytest.mark.parametrize("image_format", ["HEIF", "AVIF", "TIFF"])
def test_an_original_that_browsers_may_not_show_is_returned_as_jpeg(
    resources: Resources, client: TestClient[Litestar], image_format: str
) -> None:
    store(resources, encode(picture(64, 48), image_format), image_format)

    answer = client.get("/v1/photos/1")

    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.size, shown.format) == ((64, 48), "JPEG")


def test_a_file_that_is_no_photo_is_not_returned(resources: Resources, client: TestClient[Litestar]) -> None:
    store(resources, b"<html>taken at home</html>")
    answer = client.get("/v1/photos/1")
    assert (answer.status_code, answer.json()["reason"]) == (422, "not_an_image")


def test_the_copies_that_caches_keep_of_earlier_versions_are_not_used(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    store(resources, jpeg(1))
    with resources.database.read() as session:
        (row,) = photos.photos_by_id(session, [1])
    assert row.sha256[:16] not in the_photo(client)["url"]
    assert client.get("/v1/photos/1", headers={"If-None-Match": f'"{row.sha256}"'}).status_code == 200


@pytest.mark.parametrize("part", ["url", "thumbnail_url"])
def test_the_current_url_may_be_cached_for_ever(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg, part: str
) -> None:
    store(resources, jpeg(1))
    assert "immutable" in client.get(the_photo(client)[part]).headers["cache-control"]


def test_every_format_of_a_photo_and_a_thumbnail_has_a_media_type() -> None:
    assert set(MEDIA_TYPES) == {*get_args(ShownFormat), *FORMATS}


@pytest.mark.parametrize("path", ["/v1/photos/1", "/v1/photos/1?v=another", "/v1/photos/1/thumbnail"])
def test_any_other_url_must_be_revalidated(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg, path: str
) -> None:
    store(resources, jpeg(1))
    assert client.get(path).headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize("part", ["url", "thumbnail_url"])
def test_a_replaced_photo_gets_a_new_url_and_etag(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg, part: str
) -> None:
    store(resources, jpeg(1))
    before = the_photo(client)[part]
    tag = client.get(before).headers["etag"]
    store(resources, jpeg(2))

    after = the_photo(client)[part]
    answer = client.get(before, headers={"If-None-Match": tag})

    assert after != before
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, no-cache")


@pytest.mark.parametrize("path", ["/v1/photos/1", "/v1/photos/1/thumbnail", "/v1/photos/1/thumbnail?size=64"])
@pytest.mark.parametrize("known", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_answers_304_to_a_client_that_has_the_copy(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg, path: str, known: str
) -> None:
    store(resources, jpeg(1))
    tag = client.get(path).headers["etag"]

    answer = client.get(path, headers={"If-None-Match": known.format(tag=tag)})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


def test_thumbnails_of_different_sizes_have_different_etags(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    store(resources, jpeg(1))
    assert len({client.get(f"/v1/photos/1/thumbnail?size={size}").headers["etag"] for size in (64, 128)}) == 2


def test_a_thumbnail_is_upright_and_has_no_metadata(resources: Resources, client: TestClient[Litestar]) -> None:
    store(resources, drawn("JPEG", size=(800, 400), orientation=TURNED_LEFT))

    answer = client.get("/v1/photos/1/thumbnail")

    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (128, 256)
        assert not picture.getexif()
        red, _, blue = picture.convert("RGB").getpixel((64, 20))  # type: ignore[misc]
    assert red > blue


@pytest.mark.parametrize("profile", ["Adobe RGB", "Display P3", "ProPhoto"])
def test_a_thumbnail_shows_the_colours_of_the_photo_s_profile(
    resources: Resources, client: TestClient[Litestar], profile: str
) -> None:
    colour = (190, 90, 60)
    stored = shown_with(Image.new("RGB", (64, 64), colour), rgb_profile(profile))
    store(resources, encode(stored, "JPEG", quality=95, icc_profile=rgb_profile(profile)))

    with Image.open(io.BytesIO(client.get("/v1/photos/1/thumbnail").content)) as thumbnail:
        assert thumbnail.getpixel((32, 32)) == pytest.approx(colour, abs=4)
        assert "icc_profile" not in thumbnail.info
    with Image.open(io.BytesIO(client.get("/v1/photos/1").content)) as photo:
        assert photo.info["icc_profile"] == rgb_profile(profile)


def test_a_small_photo_is_not_enlarged(resources: Resources, client: TestClient[Litestar]) -> None:
    store(resources, drawn("PNG", size=(40, 20)), "PNG")
    with Image.open(io.BytesIO(client.get("/v1/photos/1/thumbnail").content)) as picture:
        assert picture.size == (40, 20)


def test_a_photo_without_its_file_is_not_found(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    store(resources, jpeg(1))
    with resources.database.read() as session:
        (row,) = photos.photos_by_id(session, [1])
    resources.photo_files.delete(row.sha256)
    assert client.get("/v1/photos/1").status_code == 404


def test_rejects_a_thumbnail_of_a_photo_that_cannot_be_decoded(
    resources: Resources, client: TestClient[Litestar], jpeg: MakeJpeg
) -> None:
    store(resources, jpeg(1)[:200])

    answer = client.get("/v1/photos/1/thumbnail")

    assert answer.status_code == 422
    assert answer.json()["reason"]


@pytest.mark.parametrize("path", [f"/v1/photos/{10**30}", "/v1/photos/0", "/v1/photos/7/thumbnail"])
def test_a_malformed_or_unknown_photo_id_is_not_found(client: TestClient[Litestar], path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
