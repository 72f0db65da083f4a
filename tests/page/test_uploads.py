"""Uploads on the page: invalid, large, refused, stopped and expired photos."""

from __future__ import annotations

import io
import random
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.hostile import encode, picture
from tests.page.steps import choose_photo, draw_crop, drop_or_paste, results, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.page.browsing import PageLog


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no photo", "photo"), (b"", "photo")],
    ids=["not a photo", "empty"],
)
def test_a_file_that_is_not_a_photo_is_refused_with_the_reason(page: Page, content: bytes, message: str) -> None:
    page.goto("/")
    expect(page.locator(".hero")).to_be_visible()
    drop_or_paste(page, content)
    expect(page.get_by_role("alert")).to_contain_text(message)


def test_a_20_megabyte_photo_is_shrunk_before_upload(page: Page, page_log: PageLog) -> None:
    noise = Image.frombytes("RGB", (2900, 2400), random.Random(1).randbytes(2900 * 2400 * 3))
    content = io.BytesIO()
    noise.save(content, "PNG", compress_level=0)
    assert len(content.getvalue()) > 20e6
    page.goto("/")
    page.set_input_files(
        "input[type=file] >> nth=0", {"name": "large.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    wait_for_results(page)
    (sent,) = page_log.requests_to("/v1/search")
    assert int(sent.header_value("content-length") or 0) < 8e6
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()


@pytest.mark.parametrize(("name", "image_format"), [("a.heic", "HEIF"), ("a.tif", "TIFF")])
def test_a_photo_that_the_browser_cannot_show_is_shown_by_the_server(page: Page, name: str, image_format: str) -> None:
    content = encode(picture(400, 300), image_format)
    page.route("**/v1/search", hold := lambda _: None)
    page.goto("/")
    page.set_input_files("input[type=file] >> nth=0", {"name": name, "mimeType": "", "buffer": content})
    said = page.locator(".preview.sending api-photo[data-state=failed]")
    expect(said).to_be_visible()
    text = said.evaluate("photo => getComputedStyle(photo, '::after').content")
    assert "cannot show" in text
    page.unroute("**/v1/search", hold)
    page.goto("/")
    page.set_input_files("input[type=file] >> nth=0", {"name": name, "mimeType": "", "buffer": content})
    wait_for_results(page)
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()


def test_transparent_areas_of_a_large_photo_become_white(page: Page) -> None:
    content = io.BytesIO()
    noise = random.Random(1).randbytes(900 * 900 * 4)
    picture = Image.frombytes("RGBA", (900, 900), noise)
    picture.putalpha(0)
    picture.save(content, "PNG", compress_level=0)
    assert len(content.getvalue()) > 2**21
    page.goto("/")
    page.set_input_files(
        "input[type=file] >> nth=0", {"name": "cut out.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    wait_for_results(page)
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()
    sent = page.locator(".preview img").evaluate("""(photo) => {
        const drawing = new OffscreenCanvas(1, 1).getContext("2d");
        drawing.drawImage(photo, 0, 0, 1, 1);
        return [...drawing.getImageData(0, 0, 1, 1).data];
    }""")
    assert min(sent) > 250


def test_cropping_an_expired_photo_uploads_it_again(page: Page, photo: Path, page_log: PageLog) -> None:
    page.goto("/")
    choose_photo(page, photo)
    whole, sent_before = results(page), len(page_log.requests_to("/v1/search"))
    body = '{"status": 409, "title": "Conflict", "detail": "The photo of this query_token is kept no longer."}'
    page.route(
        "**/v1/search",
        lambda route: route.fulfill(status=409, body=body, content_type="application/problem+json"),
        times=1,
    )
    draw_crop(page)
    wait_for_results(page)
    assert results(page) != whole
    _, again = page_log.requests_to("/v1/search")[sent_before:]
    assert again.headers["content-type"].startswith("multipart/form-data")


@pytest.fixture
def refused_upload(page: Page, photo: Path) -> Page:
    """A page whose upload was refused by a busy server."""
    page.goto("/")
    expect(page.locator(".result").first).to_be_visible()
    body = '{"status": 503, "title": "Unavailable", "detail": "Too many photos are waiting to be embedded."}'
    page.route(
        "**/v1/search",
        lambda route: route.fulfill(status=503, body=body, content_type="application/problem+json"),
        times=1,
    )
    page.set_input_files("input[type=file] >> nth=0", photo)
    expect(page.get_by_role("alert")).to_contain_text("Too many photos are waiting")
    return page


def test_choosing_a_filter_resends_a_refused_upload(refused_upload: Page) -> None:
    refused_upload.get_by_label("Home & Garden").check()
    refused_upload.wait_for_url(re.compile("token=.*category="))
    wait_for_results(refused_upload)


def test_try_again_resends_a_refused_upload(refused_upload: Page) -> None:
    page = refused_upload
    page.get_by_role("button", name="Try again").click()
    wait_for_results(page)
    assert "token=" in page.url
    expect(page.locator(".match").first).to_contain_text("Same item")


def test_stopping_an_upload_returns_to_the_start_view(page: Page, photo: Path) -> None:
    page.goto("/")
    held: list[Route] = []
    page.route("**/v1/search", lambda route: held.append(route))
    page.set_input_files("input[type=file] >> nth=0", photo)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".hero")).to_be_visible()
    expect(page.locator(".result[data-listing]").first).to_be_visible()
    for route in held:
        route.abort()


def test_stopping_an_upload_drops_the_filter_chosen_during_it(page: Page, photo: Path) -> None:
    page.goto("/")
    page.route("**/v1/search", lambda _: None, times=2)
    page.set_input_files("input[type=file] >> nth=0", photo)
    page.get_by_label("Home & Garden").check()
    page.get_by_role("button", name="Remove the filter Home & Garden").wait_for()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".hero")).to_be_visible()
    choose_photo(page, photo)
    assert "category=" not in page.url
