"""The admin page of a server that requires API keys."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.browsing import Demo, PageLog, serving_demo_copy
from tests.page.steps import results
from tests.page.test_page_quality import findings
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from playwright.sync_api import Browser, Page

    from tests.conftest import MakeJpeg

CATEGORY = "Home & Garden"


def new_key(folder: Path, role: str) -> str:
    command = [sys.executable, "-m", "services.cli", "keys", "create", "--role", role]
    environment = os.environ | {"LOOKALIKE_DATA_DIR": str(folder)}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return output.split()[-1]


@pytest.fixture(scope="module")
def guarded_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, str]]:
    """A demo server that requires API keys, and its admin key."""
    with serving_demo_copy(tmp_path_factory.mktemp("key-required")) as demo:
        key = new_key(demo.folder, "admin")
        with demo.client() as client:  # the server reads the keys once a second
            wait_for(lambda: client.get("/v1/categories").status_code == 401)
        yield demo, key


@pytest.fixture
def key(guarded_demo: tuple[Demo, str]) -> str:
    return guarded_demo[1]


@pytest.fixture
def admin(browser: Browser, guarded_demo: tuple[Demo, str], page_log: PageLog) -> Iterator[Page]:
    """A page with the admin key; fails the test if the address shows the key or another server got a request."""
    demo, key = guarded_demo
    context = browser.new_context(base_url=demo.url, reduced_motion="reduce", accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page_log.watch(page)
    page.goto(f"/admin#key={key}")
    yield page
    assert "key=" not in page.url
    context.close()
    assert not page_log.requests_elsewhere(demo.url)


def confirm(page: Page, action: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=action).click()


def wait_until_job_is_done(page: Page) -> None:
    expect(page.locator(".job").get_by_text("It is done")).to_be_visible(timeout=120_000)


def wait_for_duplicates(client: httpx.Client, listing_id: str) -> None:
    deadline = time.monotonic() + 240
    while listing_id not in client.get("/v1/admin/duplicates", params={"limit": 200}).text:
        assert time.monotonic() < deadline, f"{listing_id} was not compared"
        time.sleep(0.2)


@pytest.mark.parametrize("address", ["/", "/admin"])
def test_without_a_key_the_page_asks_for_one(
    browser: Browser, guarded_demo: tuple[Demo, str], key: str, address: str
) -> None:
    with browser.new_context(base_url=guarded_demo[0].url) as context:
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_role("alert").first).to_contain_text("key")
        page.get_by_role("button", name="Enter a key").first.click()
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("alert")).to_have_count(0)
        if address == "/":
            expect(page.locator(".result api-photo[data-state=shown]").first).to_be_visible()


def test_the_key_lasts_for_the_session_only_and_leaves_the_address(admin: Page, key: str) -> None:
    expect(admin.get_by_role("button", name="Key: set")).to_be_visible()
    assert admin.evaluate("Object.values(localStorage).concat(document.cookie)").count(key) == 0
    with admin.context.browser.new_context(base_url=admin.url) as another:  # type: ignore[union-attr]
        page = another.new_page()
        page.goto("/admin")
        expect(page.get_by_role("alert").first).to_contain_text("key")


def test_a_read_key_can_search_but_not_administer(browser: Browser, guarded_demo: tuple[Demo, str]) -> None:
    with browser.new_context(base_url=guarded_demo[0].url) as context:
        page = context.new_page()
        page.goto(f"/#key={new_key(guarded_demo[0].folder, 'read')}")
        expect(page.locator(".result").first).to_be_visible()
        page.goto("/admin?tab=indexes")
        expect(page.get_by_role("alert").first).to_contain_text("admin")


@pytest.fixture
def catalogue(guarded_demo: tuple[Demo, str], tmp_path: Path) -> list[Path]:
    """Files of three listings with a photo each; one listing has no title and is rejected."""
    titles = {"bulk-1": "A lamp <b>", "bulk-2": "A chair", "bulk-3": ""}
    listings, table = io.StringIO(), io.StringIO()
    columns = ("id", "product_name", "category", "product_description", "price", "location")
    csv.writer(listings).writerows(
        [
            columns,
            *[
                (listing_id, title, CATEGORY, "As new", "5", "Delph, Manchester")
                for listing_id, title in titles.items()
            ],
        ]
    )
    csv.writer(table).writerows([("id", "product_id"), *[(f"photo-{listing_id}", listing_id) for listing_id in titles]])
    (tmp_path / "listings.csv").write_text(listings.getvalue())
    (tmp_path / "photos.csv").write_text(table.getvalue())
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for listing_id, photo in zip(titles, guarded_demo[0].photos[40:], strict=False):
            archive.write(photo, f"photo-{listing_id}.jpg")
    return [tmp_path / name for name in ("listings.csv", "photos.csv", "photos.zip")]


@pytest.mark.usefixtures("no_page_errors")
def test_uploaded_files_are_ingested_with_live_progress_and_a_list_of_rejects(
    admin: Page, catalogue: list[Path], page_log: PageLog
) -> None:
    admin.set_input_files("#upload-files", catalogue)
    admin.get_by_role("button", name="Start").click()
    admin.wait_for_url(re.compile("job="))
    wait_until_job_is_done(admin)
    assert [request for request in page_log.requests if request.url.endswith("/events")], (
        "it is told by the server as it happens"
    )
    expect(admin.get_by_role("table", name="Rejected records")).to_contain_text("bulk-3")
    with admin.expect_download() as download:
        admin.get_by_role("button", name="Download all rejects as CSV").click()
    assert "bulk-3" in download.value.path().read_text()
    admin.get_by_role("link", name="Search").click()
    expect(admin.locator(".result[data-listing]").first).to_be_visible()
    assert {"bulk-1", "bulk-2"} <= set(results(admin))


@pytest.mark.usefixtures("no_page_errors")
def test_a_reindex_is_confirmed_and_followed_and_the_generation_before_made_live_again(
    admin: Page, page_log: PageLog
) -> None:
    admin.goto("/admin?tab=indexes")
    live = admin.get_by_role("row").filter(has=admin.locator("[data-state=live]")).get_by_role("rowheader")
    before = live.inner_text()
    admin.get_by_role("button", name="Reindex").click()
    confirm(admin, "Cancel")
    admin.get_by_role("button", name="Reindex").click()
    confirm(admin, "Reindex")
    wait_until_job_is_done(admin)
    assert len(page_log.requests_to("/v1/admin/reindex")) == 1, "nothing is queued where it was not confirmed"
    expect(live).not_to_have_text(before)
    admin.goto("/admin?tab=indexes")
    answers = admin.locator("main").get_by_text(re.compile("answers searches, from generation"))
    expect(answers).to_contain_text(f"generation {int(before) + 1}")
    admin.get_by_role("button", name=f"Make live (generation {before})").click()
    dialog = admin.get_by_role("dialog", name=f"Make generation {before} live?")
    expect(dialog).to_contain_text(f"goes on answering searches, from generation {before} instead of {int(before) + 1}")
    expect(dialog).to_contain_text("No photo has to be embedded.")
    expect(dialog).to_contain_text("no search fails")
    assert findings(admin) == []
    confirm(admin, "Make live")
    wait_until_job_is_done(admin)
    expect(live).to_have_text(before)
    expect(answers).to_contain_text(f"from generation {before}")


OTHER_MODEL = {
    "generation": 7, "state": "previous", "model_version": "older", "photos": 900, "photos_to_embed": 120,
    "seconds_to_embed": 40.0, "forced": False, "created_at": "2026-01-01T00:00:00Z", "promoted_at": None,
}  # fmt: skip
"""A generation as the server lists it."""


@pytest.mark.usefixtures("no_page_errors")
def test_a_return_to_another_model_says_which_model_answers_and_what_is_embedded(admin: Page) -> None:
    live = OTHER_MODEL | {"generation": 8, "state": "live", "model_version": "newer", "photos_to_embed": 0}
    admin.route("**/v1/admin/indexes", lambda route: route.fulfill(json=[live, OTHER_MODEL]))
    admin.goto("/admin?tab=indexes")
    admin.get_by_role("button", name="Return to model older (generation 7)").click()
    dialog = admin.get_by_role("dialog", name="Return to model older?")
    expect(dialog).to_contain_text("Model older answers searches, from generation 7, instead of model newer.")
    expect(dialog).to_contain_text("120 photos that it lacks are embedded first, which takes about 40 s.")
    expect(dialog.get_by_role("button", name="Return to model older")).to_be_visible()


@pytest.mark.usefixtures("no_page_errors")
def test_the_indexes_are_compared_with_the_database(admin: Page) -> None:
    admin.goto("/admin?tab=indexes")
    admin.get_by_role("button", name="Compare").click()
    for engine in ("faiss", "qdrant"):
        expect(admin.get_by_role("row", name=re.compile(engine, re.I)).last).to_be_visible()


@pytest.mark.usefixtures("no_page_errors")
def test_recall_is_shown_for_each_index(admin: Page) -> None:
    admin.goto("/admin?tab=recall")
    expect(admin.locator("main")).to_contain_text(re.compile("faiss", re.I))
    expect(admin.locator("main")).to_contain_text(re.compile("qdrant", re.I))


@pytest.mark.usefixtures("no_page_errors")
def test_listings_that_are_called_the_same_item_become_one_result_until_that_is_undone(
    admin: Page, guarded_demo: tuple[Demo, str], key: str, jpeg: MakeJpeg
) -> None:
    demo = guarded_demo[0]
    with demo.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        for listing_id in ("twin-1", "twin-2"):
            fields = {"listing_id": listing_id, "title": "A twin", "category": CATEGORY, "price": "5"}
            photo = ("a.jpg", jpeg(seed=77), "image/jpeg")
            client.post("/v1/listings", data=fields, files=[("photos", photo)]).raise_for_status()
        wait_for_duplicates(client, "twin-2")
    admin.goto("/admin?tab=duplicates")
    twins = admin.get_by_role("group", name="A twin and A twin")
    expect(admin.locator(".review")).to_be_visible()
    while not twins.is_visible():
        admin.get_by_role("button", name="Later").click()
    twins.get_by_role("button", name="Same item").click()
    expect(twins).to_have_count(0)
    with demo.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        similar = client.get("/v1/listings/twin-1/similar").json()["results"]
        found = client.post("/v1/search", files={"image": ("a.jpg", jpeg(seed=77), "image/jpeg")}).json()["results"][0]
    assert "twin-2" not in {one["listing_id"] for one in similar}
    assert {found["listing_id"], *(one["listing_id"] for one in found["also_offered_by"])} == {"twin-1", "twin-2"}
    admin.reload()
    admin.get_by_label("Show").select_option("accepted")
    admin.get_by_role("button", name="Undo: A twin and A twin").click()
    expect(twins).to_have_count(0)


@pytest.mark.usefixtures("no_page_errors")
def test_the_model_tab_shows_the_measured_metrics(admin: Page, guarded_demo: tuple[Demo, str], key: str) -> None:
    with guarded_demo[0].client() as client:
        card = client.get("/v1/admin/model", headers={"Authorization": f"Bearer {key}"}).json()
    admin.goto("/admin?tab=model")
    expect(admin.locator("main")).to_contain_text(card["model_version"])
    expect(admin.locator("main")).to_contain_text(f"{card['metrics']['category_accuracy']:.3f}")
    expect(admin.locator("main svg").first).to_be_visible()


@pytest.mark.usefixtures("no_page_errors")
def test_the_report_opens_in_place_without_scripts_and_leads_back(admin: Page, page_log: PageLog) -> None:
    admin.set_viewport_size({"width": 390, "height": 844})
    admin.goto("/admin?tab=model")
    admin.get_by_role("link", name="Open the report").click()
    report = admin.frame_locator("iframe.report")
    expect(report.get_by_role("heading", name=re.compile("^Evaluation of model"))).to_be_visible()
    expect(admin.locator("iframe.report")).to_have_attribute("sandbox", "")
    box = admin.locator("iframe.report").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert admin.evaluate("document.documentElement.scrollWidth") <= 390
    (shown,) = page_log.requests_to("/v1/admin/model/report")
    assert "authorization" not in shown.headers
    with admin.expect_download() as download:
        admin.get_by_role("button", name="Download").click()
    assert "Evaluation of model" in download.value.path().read_text()
    assert findings(admin) == []
    admin.get_by_role("link", name="Back to the model").click()
    expect(admin.get_by_role("heading", name="Quality")).to_be_visible()
    admin.go_back()
    expect(admin.locator("iframe.report")).to_be_visible()


def test_no_tab_of_the_demo_is_empty(admin: Page) -> None:
    admin.goto("/admin?tab=recall")
    expect(admin.get_by_role("heading", name="Qdrant: every photo compared")).to_be_visible()
    admin.goto("/admin?tab=duplicates")
    expect(admin.get_by_text(re.compile(r"^([89]|\d\d+) pairs of listings are left"))).to_be_visible()
    admin.goto("/admin?tab=model")
    expect(admin.get_by_role("link", name="Open the report")).to_be_visible()
    admin.goto("/admin?tab=indexes")
    expect(admin.get_by_role("table")).to_contain_text("live")
    admin.goto("/admin?tab=ingest")
    expect(admin.get_by_role("table", name="Jobs")).to_contain_text("Ingest")
