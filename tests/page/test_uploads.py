"""Uploads on the page: invalid, large, refused, stopped and expired photos."""

from __future__ import annotations

import io
import random
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.steps import choose_photo, draw_crop, drop_or_paste, results, wait_for_results
from tests.photos.files import encode, picture

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.page.browsing import Demo, PageLog


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


def test_a_photo_that_cannot_be_used_is_not_sent_again(page: Page, page_log: PageLog) -> None:
    page.goto("/")
    expect(page.locator(".hero")).to_be_visible()
    drop_or_paste(page, b"no photo")
    expect(page.get_by_role("alert")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Newest listings")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert [one.method for one in page_log.requests].count("POST") == 1


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


GONE = {
    "expired": (409, '{"status": 409, "title": "Conflict", "detail": "The model has changed."}'),
    "unknown": (400, '{"status": 400, "title": "Bad", "detail": "query_token: is not valid", "field": "query_token"}'),
}


@pytest.mark.parametrize("why", GONE)
@pytest.mark.parametrize("action", ["reload", "more like this", "filter"])
def test_a_photo_whose_token_is_gone_is_sent_again(
    page: Page, photo: Path, page_log: PageLog, why: str, action: str
) -> None:
    page.goto("/")
    choose_photo(page, photo)
    status, body = GONE[why]
    page.route(
        re.compile("/v1/(search|recommend)$"),
        lambda route: route.fulfill(status=status, body=body, content_type="application/problem+json"),
        times=1,
    )
    sent_before = len(page_log.requests_to("/v1/search"))
    if action == "reload":
        page.reload()
    elif action == "filter":
        page.get_by_label("Home & Garden").check()
        page.wait_for_url(re.compile("category="))
    else:
        page.get_by_role("button", name=re.compile("^More like this")).nth(2).click()
        page.wait_for_url(re.compile("like="))
    wait_for_results(page)
    sent = page_log.requests_to("/v1/search")[sent_before:]
    forms = [one for one in sent if one.headers["content-type"].startswith("multipart/form-data")]
    assert len(forms) == 1
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()


def test_the_address_takes_the_new_token_of_a_photo_that_was_sent_again(page: Page, photo: Path, demo: Demo) -> None:
    with demo.client() as client:
        other = client.post("/v1/search", files={"image": demo.photos[9].read_bytes()}).json()
    page.goto("/")
    choose_photo(page, photo)
    address, (status, body) = page.url, GONE["unknown"]
    kind = "application/problem+json"
    page.route("**/v1/search", lambda route: route.fulfill(json=other), times=1)
    page.route("**/v1/search", lambda route: route.fulfill(status=status, body=body, content_type=kind), times=1)
    page.reload()
    page.wait_for_url(lambda url: url != address)
    assert parse_qs(urlsplit(page.url).query)["token"] == [other["query_token"]]


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
    expect(page.get_by_role("alert")).to_contain_text("The shop is busy")
    return page


def test_the_progress_bar_ends_with_the_request(page: Page, photo: Path) -> None:
    held: list[Route] = []
    page.goto("/")
    page.route("**/v1/search", lambda route: held.append(route))
    page.set_input_files("input[type=file] >> nth=0", photo)
    expect(page.locator(".preview.sending")).to_be_visible()
    held.pop().abort()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator(".sending")).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".preview.sending")).to_be_visible()
    held.pop().fulfill(status=503, body="{}")
    expect(page.locator(".sending")).to_have_count(0)
    expect(page.get_by_text("Your photo is kept")).to_be_visible()


@pytest.mark.parametrize("way", ["a reload", "another view", "another site"])
def test_a_refused_photo_outlives_what_follows(refused_upload: Page, way: str) -> None:
    page = refused_upload
    if way == "a reload":
        page.reload()
    elif way == "another view":
        page.get_by_role("link", name="Admin", exact=True).click()
        expect(page.get_by_role("heading", name="Admin", exact=True)).to_be_visible()
        page.go_back()
    else:
        page.goto("about:blank")
        page.go_back()
    page.wait_for_url(re.compile("token="))
    wait_for_results(page)
    expect(page.locator(".match").first).to_have_text("Same item")
    page.go_back()
    expect(page.locator(".hero")).to_be_visible()
    page.reload()
    expect(page.locator(".hero")).to_be_visible()


def test_a_part_of_the_page_that_does_not_load_loses_no_photo(page: Page, photo: Path) -> None:
    page.goto("/")
    page.route("**/search_page.js", lambda route: route.abort())
    page.set_input_files("input[type=file] >> nth=0", photo)
    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    page.unroute_all()
    page.get_by_role("button", name="Reload").click()
    wait_for_results(page)


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
