"""Administration in a browser, on a server that asks for keys."""

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

from tests.page.browsing import Demo, Witness, served
from tests.page.steps import results

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
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return told.split()[-1]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, str]]:
    """A demo that asks for keys, and its admin's."""
    with served(tmp_path_factory.mktemp("guarded")) as demo:
        yield demo, new_key(demo.folder, "admin")


@pytest.fixture
def key(guarded: tuple[Demo, str]) -> str:
    return guarded[1]


@pytest.fixture
def admin(browser: Browser, guarded: tuple[Demo, str], witness: Witness) -> Iterator[Page]:
    """A page whose session has the admin's key, of which nobody else heard."""
    demo, key = guarded
    context = browser.new_context(base_url=demo.url, reduced_motion="reduce", accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    witness.watch(page)
    page.goto(f"/admin#key={key}")
    yield page
    assert "key=" not in page.url
    context.close()
    assert not witness.strangers(demo.url)


def confirm(page: Page, action: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=action).click()


def wait_for_the_end(page: Page) -> None:
    expect(page.locator(".job").get_by_text("It is done")).to_be_visible(timeout=120_000)


def wait_for_duplicates(client: httpx.Client, listing_id: str) -> None:
    until = time.monotonic() + 240
    while listing_id not in client.get("/v1/admin/duplicates", params={"limit": 200}).text:
        assert time.monotonic() < until, f"{listing_id} was not compared"
        time.sleep(0.2)


@pytest.mark.parametrize("address", ["/", "/admin"])
def test_without_a_key_nothing_is_shown_and_one_is_asked_for(
    browser: Browser, guarded: tuple[Demo, str], key: str, address: str
) -> None:
    with browser.new_context(base_url=guarded[0].url) as context:
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_role("alert").first).to_contain_text("API key")
        page.get_by_role("button", name="Enter a key").first.click()
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("alert")).to_have_count(0)
        if address == "/":
            expect(page.locator(".result api-photo[data-state=shown]").first).to_be_visible()


def test_the_key_is_gone_with_the_session_and_never_in_the_address(admin: Page, key: str) -> None:
    expect(admin.get_by_role("button", name="Key: set")).to_be_visible()
    assert admin.evaluate("Object.values(localStorage).concat(document.cookie)").count(key) == 0
    with admin.context.browser.new_context(base_url=admin.url) as another:  # type: ignore[union-attr]
        page = another.new_page()
        page.goto("/admin")
        expect(page.get_by_role("alert").first).to_contain_text("API key")


def test_a_key_that_may_only_read_searches_and_is_refused_by_administration(
    browser: Browser, guarded: tuple[Demo, str]
) -> None:
    with browser.new_context(base_url=guarded[0].url) as context:
        page = context.new_page()
        page.goto(f"/#key={new_key(guarded[0].folder, 'read')}")
        expect(page.locator(".result").first).to_be_visible()
        page.goto("/admin?tab=indexes")
        expect(page.get_by_role("alert").first).to_contain_text("admin")


@pytest.fixture
def catalogue(guarded: tuple[Demo, str], tmp_path: Path) -> list[Path]:
    """Two good listings with a photo each, and one without a title."""
    titles = {"bulk-1": "A lamp <b>", "bulk-2": "A chair", "bulk-3": ""}
    listings, table = io.StringIO(), io.StringIO()
    columns = ("id", "product_name", "category", "product_description", "price", "location")
    csv.writer(listings).writerows(
        [columns, *[(one, title, CATEGORY, "As new", "5", "Delph, Manchester") for one, title in titles.items()]]
    )
    csv.writer(table).writerows([("id", "product_id"), *[(f"photo-{one}", one) for one in titles]])
    (tmp_path / "listings.csv").write_text(listings.getvalue())
    (tmp_path / "photos.csv").write_text(table.getvalue())
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        for listing_id, photo in zip(titles, guarded[0].photos[40:], strict=False):
            packed.write(photo, f"photo-{listing_id}.jpg")
    return [tmp_path / name for name in ("listings.csv", "photos.csv", "photos.zip")]


@pytest.mark.usefixtures("calm")
def test_files_are_ingested_and_followed_to_the_end_with_what_was_not_accepted(
    admin: Page, catalogue: list[Path], witness: Witness
) -> None:
    admin.set_input_files("#upload-files", catalogue)
    admin.get_by_role("button", name="Start").click()
    admin.wait_for_url(re.compile("job="))
    wait_for_the_end(admin)
    assert [one for one in witness.requests if one.url.endswith("/events")], "it is told by the server as it happens"
    expect(admin.locator(".job table")).to_contain_text("bulk-3")
    with admin.expect_download() as download:
        admin.get_by_role("button", name=re.compile("Download")).click()
    assert "bulk-3" in download.value.path().read_text()
    admin.get_by_role("link", name="Search").click()
    expect(admin.locator(".result[data-listing]").first).to_be_visible()
    assert {"bulk-1", "bulk-2"} <= set(results(admin))


@pytest.mark.usefixtures("calm")
def test_a_reindex_is_asked_once_followed_and_gone_back_from(admin: Page, witness: Witness) -> None:
    admin.goto("/admin?tab=indexes")
    live = admin.get_by_role("row", name=re.compile(r"\blive\b", re.I)).get_by_role("rowheader")
    before = live.inner_text()
    admin.get_by_role("button", name="Reindex").click()
    confirm(admin, "Cancel")
    admin.get_by_role("button", name="Reindex").click()
    confirm(admin, "Reindex")
    wait_for_the_end(admin)
    assert len(witness.of("/v1/admin/reindex")) == 1, "nothing is queued where it was not confirmed"
    expect(live).not_to_have_text(before)
    admin.goto("/admin?tab=indexes")
    admin.get_by_role("button", name=re.compile("Roll back")).click()
    confirm(admin, "Roll back")
    wait_for_the_end(admin)
    expect(live).to_have_text(before)


@pytest.mark.usefixtures("calm")
def test_the_indexes_are_compared_with_the_database(admin: Page) -> None:
    admin.goto("/admin?tab=indexes")
    admin.get_by_role("button", name="Compare").click()
    for engine in ("faiss", "qdrant"):
        expect(admin.get_by_role("row", name=re.compile(engine, re.I)).last).to_be_visible()


@pytest.mark.usefixtures("calm")
def test_recall_is_shown_for_each_index(admin: Page) -> None:
    admin.goto("/admin?tab=recall")
    expect(admin.locator("main")).to_contain_text(re.compile("faiss", re.I))
    expect(admin.locator("main")).to_contain_text(re.compile("qdrant", re.I))


@pytest.mark.usefixtures("calm")
def test_duplicates_are_reviewed_and_the_decision_is_kept(
    admin: Page, guarded: tuple[Demo, str], key: str, jpeg: MakeJpeg
) -> None:
    demo = guarded[0]
    with demo.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        for listing_id in ("twin-1", "twin-2"):
            fields = {"listing_id": listing_id, "title": "A twin", "category": CATEGORY, "price": "5"}
            photo = ("a.jpg", jpeg(seed=77), "image/jpeg")
            client.post("/v1/listings", data=fields, files=[("photos", photo)]).raise_for_status()
        wait_for_duplicates(client, "twin-2")
    admin.goto("/admin?tab=duplicates")
    pair = admin.get_by_role("group", name="twin-1 and twin-2")
    pair.get_by_role("button", name=re.compile("^Reject")).click()
    expect(pair).to_contain_text("Decided: different items")
    with demo.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        rejected = client.get("/v1/admin/duplicates", params={"state": "rejected"}).json()["groups"]
    assert ["twin-1", "twin-2"] in [list(group["listing_ids"]) for group in rejected]
    admin.reload()
    expect(admin.get_by_role("region", name="Listings that share photos")).to_have_attribute("aria-busy", "false")
    assert admin.get_by_role("link", name="twin-2").count() == 0, "what is decided is open no longer"


@pytest.mark.usefixtures("calm")
def test_the_card_of_the_model_tells_what_was_measured(admin: Page, guarded: tuple[Demo, str], key: str) -> None:
    with guarded[0].client() as client:
        card = client.get("/v1/admin/model", headers={"Authorization": f"Bearer {key}"}).json()
    admin.goto("/admin?tab=model")
    expect(admin.locator("main")).to_contain_text(card["model_version"])
    expect(admin.locator("main")).to_contain_text(f"{card['metrics']['category_accuracy']:.3f}")
    expect(admin.locator("main svg").first).to_be_visible()
