"""What the page says when there is nothing to show, when it takes long, and when something is wrong."""

from __future__ import annotations

import io
import random
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.browsing import DEMO, serving
from tests.page.steps import choose_photo, draw_crop, drop, results, wait_for_results

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from tests.page.browsing import Demo, Witness


def test_an_empty_result_says_why_and_filters_are_taken_off_by_one_click(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    page.goto(f"{page.url}&price_min=1e9")
    notice = page.locator(".found .notice")
    expect(notice).to_contain_text("Without `price`,")
    notice.get_by_role("button", name="Remove all filters").click()
    wait_for_results(page)


def test_a_slow_answer_is_said_to_be_slow_and_can_be_stopped(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    address = page.url
    page.goto("/")
    held: list[Route] = []
    page.route("**/v1/search", lambda route: held.append(route))
    page.goto(address)
    expect(page.locator(".found .waiting").first).to_be_attached()
    expect(page.locator(".slow")).to_contain_text("longer than usual", timeout=10_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".slow")).to_have_count(0)
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Load again").click()
    wait_for_results(page)


@pytest.mark.parametrize(
    ("address", "asked", "loaded"),
    [("/", "**/v1/listings?*", ".result[data-listing]"), ("/listing?id={}", "**/v1/listings/*", ".about h1")],
    ids=["the start", "a listing"],
)
def test_what_was_stopped_before_anything_came_can_be_loaded_again(
    page: Page, demo: Demo, address: str, asked: str, loaded: str
) -> None:
    with demo.client() as client:
        newest = client.get("/v1/listings").json()["listings"][0]["listing_id"]
    page.clock.install()
    page.route(asked, lambda _: None, times=1)
    page.goto(address.format(newest))
    expect(page.locator(".waiting").first).to_be_attached()
    page.clock.fast_forward(5000)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Load again").click()
    expect(page.locator(loaded).first).to_be_visible()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no photo", "photo"), (b"", "photo")],
    ids=["not a photo", "empty"],
)
def test_what_is_no_photo_is_refused_with_the_reason(page: Page, content: bytes, said: str) -> None:
    page.goto("/")
    expect(page.locator(".hero")).to_be_visible()
    drop(page, content)
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_a_busy_server_is_asked_again_by_a_button(page: Page, photo: Path) -> None:
    page.goto("/")
    answers = iter([503])

    def refuse_once(route: Route) -> None:
        if (status := next(answers, None)) is None:
            route.continue_()
            return
        body = '{"status": 503, "title": "Unavailable", "detail": "Too many photos are waiting to be embedded."}'
        route.fulfill(status=status, body=body, content_type="application/problem+json")

    choose_photo(page, photo)
    page.route("**/v1/search", refuse_once)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Too many photos are waiting")
    page.get_by_role("button", name="Try again").click()
    wait_for_results(page)


def test_offline_is_said_and_the_search_goes_on_when_the_connection_is_back(page: Page, photo: Path) -> None:
    page.goto("/")
    choose_photo(page, photo)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline. Results stay")).to_be_visible()
    assert results(page), "what is shown stays"
    page.locator(".guesses .chip").first.click()
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    page.context.set_offline(False)
    wait_for_results(page)
    expect(page.get_by_text("You are offline")).to_have_count(0)


def test_a_server_that_went_away_is_said_and_asked_again_when_it_is_back(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "demo"
    shutil.copytree(DEMO, data)
    page = browser.new_page()
    with serving(data) as url:
        page.goto(f"{url}/")
        expect(page.locator(".result").first).to_be_visible()
    page.locator(".result h3 a").first.click()
    expect(page.get_by_role("alert").first).to_contain_text("The server does not answer")
    port = int(url.rpartition(":")[2])
    with serving(data, port=port):
        page.get_by_role("button", name="Try again").first.click()
        expect(page.locator(".about h1")).to_be_visible()
    page.close()


def test_a_photo_of_20_megabytes_is_made_smaller_before_it_is_sent(page: Page, witness: Witness) -> None:
    noise = Image.frombytes("RGB", (2900, 2400), random.Random(1).randbytes(2900 * 2400 * 3))
    content = io.BytesIO()
    noise.save(content, "PNG", compress_level=0)
    assert len(content.getvalue()) > 20e6
    page.goto("/")
    page.set_input_files(
        "input[type=file] >> nth=0", {"name": "large.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    wait_for_results(page)
    (sent,) = witness.of("/v1/search")
    assert int(sent.header_value("content-length") or 0) < 8e6
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()


def test_what_shows_through_a_large_picture_is_white_as_it_is_in_a_small_one(page: Page) -> None:
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


def test_an_address_with_a_token_that_is_none_says_so(page: Page) -> None:
    page.goto("/?token=nonsense")
    expect(page.get_by_role("alert")).to_contain_text(re.compile("not valid or not complete"))


def test_a_photo_that_is_no_longer_kept_leaves_its_results(page: Page, demo: Demo, photo: Path) -> None:
    with demo.client() as client:
        answer = client.post("/v1/search", files={"image": photo.read_bytes()}).json()
    page.route("**/v1/search/photo*", lambda route: route.fulfill(status=404, body="{}"))
    page.goto(f"/?token={answer['query_token']}")
    wait_for_results(page)
    expect(page.locator(".preview.gone")).to_contain_text("has expired")


def test_a_photo_that_could_not_be_had_for_now_is_shown_once_it_can(page: Page, demo: Demo, photo: Path) -> None:
    with demo.client() as client:
        answer = client.post("/v1/search", files={"image": photo.read_bytes()}).json()
    page.route("**/v1/search/photo*", lambda route: route.fulfill(status=503, body="{}"), times=1)
    page.goto(f"/?token={answer['query_token']}")
    wait_for_results(page)
    expect(page.locator("crop-box api-photo[data-state=failed]")).to_be_attached()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("crop-box api-photo[data-state=shown]")).to_be_visible()


def test_a_part_is_searched_by_of_a_photo_that_the_server_has_forgotten(
    page: Page, photo: Path, witness: Witness
) -> None:
    page.goto("/")
    choose_photo(page, photo)
    whole, sent = results(page), len(witness.of("/v1/search"))
    body = '{"status": 409, "title": "Conflict", "detail": "The photo of this query_token is kept no longer."}'
    page.route(
        "**/v1/search",
        lambda route: route.fulfill(status=409, body=body, content_type="application/problem+json"),
        times=1,
    )
    draw_crop(page)
    wait_for_results(page)
    assert results(page) != whole
    _, again = witness.of("/v1/search")[sent:]
    assert again.headers["content-type"].startswith("multipart/form-data")


@pytest.fixture
def refused_for_now(page: Page, photo: Path) -> Page:
    """A page that has sent a photo to a busy server."""
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


def test_an_upload_that_was_refused_for_now_is_sent_again_with_a_filter_that_is_chosen(refused_for_now: Page) -> None:
    refused_for_now.get_by_label("Home & Garden").check()
    refused_for_now.wait_for_url(re.compile("token=.*category="))
    wait_for_results(refused_for_now)


def test_an_upload_that_was_refused_for_now_is_sent_again_by_try_again(refused_for_now: Page) -> None:
    page = refused_for_now
    page.get_by_role("button", name="Try again").click()
    wait_for_results(page)
    assert "token=" in page.url
    expect(page.locator(".match").first).to_contain_text("Same item")


def test_an_upload_that_is_stopped_leads_back_to_what_was_there(page: Page, photo: Path) -> None:
    page.goto("/")
    held: list[Route] = []
    page.route("**/v1/search", lambda route: held.append(route))
    page.set_input_files("input[type=file] >> nth=0", photo)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".hero")).to_be_visible()
    expect(page.locator(".result[data-listing]").first).to_be_visible()
    for route in held:
        route.abort()


def test_a_filter_that_was_chosen_for_an_upload_is_gone_when_it_is_stopped(page: Page, photo: Path) -> None:
    page.goto("/")
    page.route("**/v1/search", lambda _: None, times=2)
    page.set_input_files("input[type=file] >> nth=0", photo)
    page.get_by_label("Home & Garden").check()
    page.get_by_role("button", name="Remove the filter Home & Garden").wait_for()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".hero")).to_be_visible()
    choose_photo(page, photo)
    assert "category=" not in page.url


def test_where_the_browser_keeps_nothing_for_a_site_a_key_is_kept_with_the_page(page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('', 'SecurityError'); } })"
    )
    page.goto("/")
    page.get_by_role("button", name="Key", exact=True).click()
    page.get_by_label("Key", exact=True).fill("a key")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("button", name="Key: set")).to_be_visible()


def test_a_connection_that_comes_back_leaves_what_was_loaded(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".result[data-listing]").first).to_be_visible()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator(".result[data-listing]").nth(40)).to_be_attached()
    loaded = results(page)
    with page.expect_response("**/v1/categories"):
        page.evaluate("dispatchEvent(new Event('online'))")
    assert results(page)[: len(loaded)] == loaded


@pytest.mark.parametrize("address", ["/listing", "/listing?id=.", "/listing?id=a/b"])
def test_an_address_that_can_name_no_listing_says_so(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("alert").first).to_contain_text("No address can contain the listing id")


@pytest.mark.parametrize("tab", ["constructor", "__proto__", "nothing"])
def test_a_tab_of_administration_that_does_not_exist_is_the_first(page: Page, tab: str) -> None:
    page.goto(f"/admin?tab={tab}")
    expect(page.get_by_role("heading", name="Ingest listings")).to_be_visible()


def test_a_file_that_is_dropped_beside_every_zone_does_not_replace_the_page(page: Page) -> None:
    page.goto("/listing?id=nobody")
    expect(page.get_by_role("alert").first).to_be_visible()
    assert page.evaluate("!dispatchEvent(new DragEvent('drop', { cancelable: true }))"), "it is taken from the browser"
