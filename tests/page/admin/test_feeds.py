"""Feeds on the admin page: the preview of a file, warnings, and dry runs that are applied."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from services.ingest.feeds.presets import preset_names
from services.reason_codes import ListingFlag
from tests.integration.feeds import exports
from tests.integration.feeds.exports import EXPORTS
from tests.integration.feeds.items import Item
from tests.integration.feeds.writers import NAMES_OF_DELIMITERS, csv_text
from tests.page.test_page_quality import findings
from tests.sites import running_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import FilePayload, Locator, Page

    from tests.conftest import MakeJpeg
    from tests.page.browsing import Demo, PageLog

LAMP = Item(
    id="feed-lamp",
    title="Brass lamp",
    description="As new",
    category_path=("Home", "Lamps"),
    amount=Decimal("24.50"),
    currency="GBP",
    location="",
    listed_at=datetime(2024, 1, 31, tzinfo=UTC),
    photos=("lamp-1.jpg", "lamp-2.jpg"),
    brand="Hill",
)
CHAIR = replace(LAMP, id="feed-chair", title="Oak chair", photos=("chair.jpg",))
HEADER = "id,product_name,category,product_description,price,location,seller"


def csv_file(*lines: str, name: str = "listings.csv") -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}


def choose(page: Page, *files: FilePayload) -> None:
    page.goto("/admin")
    page.set_input_files("#upload-files", list(files))


def preview(page: Page) -> Locator:
    """Ask for the preview; return the box that shows it."""
    page.get_by_role("button", name="Preview").click()
    box = page.locator(".preview-box")
    expect(box).to_be_visible()
    return box


def wait_until_done(page: Page) -> Locator:
    """Wait until the job on the page has succeeded; return its card."""
    page.wait_for_url(re.compile("job="))
    job = page.locator(".job")
    (job_id,) = parse_qs(urlsplit(page.url).query)["job"]
    expect(job.get_by_role("heading").first).to_contain_text(job_id[:8])  # not the job before
    expect(job.get_by_text("It is done")).to_be_visible(timeout=120_000)
    return job


@pytest.fixture
def export(request: pytest.FixtureRequest, jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch) -> Iterator[FilePayload]:
    """The file of two items that a shop exports, with three photos at URLs."""
    preset = request.param
    with running_site() as site:
        site.photos |= {f"/{name}": jpeg(seed=500 + at) for at, name in enumerate([*LAMP.photos, *CHAIR.photos])}
        monkeypatch.setattr(exports, "url_of", lambda photo: f"{site.url}/{photo}")
        rows, delimiter = EXPORTS[preset]((LAMP, CHAIR)), exports.DELIMITERS[preset]
        text = csv_text(rows, delimiter=delimiter)
        yield csv_file(text, name=f"export{NAMES_OF_DELIMITERS[delimiter]}")


@pytest.mark.usefixtures("no_page_errors")
@pytest.mark.parametrize(
    ("export", "program", "outcomes"),
    [
        ("shopify", "Shopify", ["accepted", "joined", "accepted"]),
        ("woocommerce", "WooCommerce", ["accepted", "accepted"]),
        ("google", "Google product feed", ["accepted", "accepted"]),
    ],
    indirect=["export"],
)
def test_an_export_is_recognised_in_the_preview_and_its_listings_are_found(
    page: Page, demo: Demo, export: FilePayload, program: str, outcomes: list[str]
) -> None:
    choose(page, export)
    box = preview(page)
    expect(box).to_contain_text(f"{program} was recognised by its columns")
    expect(box.get_by_role("row", name=re.compile("^title (Title|Name|title) Brass lamp"))).to_be_visible()
    shown = box.locator("[data-outcome]").evaluate_all("rows => rows.map(row => row.dataset.outcome)")
    assert shown == outcomes
    expect(box.locator("[data-outcome]").first).to_contain_text(re.compile(r"feed-lamp.*Brass lamp.*24\.50", re.S))
    page.get_by_label("Download photos that the files name by URL").check()
    expect(box).to_have_count(0)
    page.get_by_role("button", name="Start").click()
    wait_until_done(page)
    page.goto("/")
    expect(page.locator(f".result[data-listing={LAMP.id}]")).to_contain_text("Brass lamp")
    with demo.client() as client:
        stored = [client.get(f"/v1/listings/{item.id}").json() for item in (LAMP, CHAIR)]
        for item in (LAMP, CHAIR):
            client.delete(f"/v1/listings/{item.id}").raise_for_status()
    assert [len(listing["photos"]) for listing in stored] == [2, 1]
    assert stored[0]["attributes"]["brand"] == "Hill"


@pytest.mark.usefixtures("no_page_errors")
def test_unknown_columns_get_a_suggestion_that_can_be_taken_and_completed(page: Page) -> None:
    choose(page, csv_file("sku,name,path,cost", "1,Lamp,Home,5", "2,,Home,6"))
    box = preview(page)
    expect(box).to_contain_text("sku")
    box.get_by_role("button", name="Use this mapping").click()
    mapping = page.locator("#mapping-columns")
    mapping.fill(mapping.input_value().replace("# category = ", 'category = "path"  # '))
    box = preview(page)
    expect(box.get_by_role("row", name=re.compile("^2 1 .*accepted Lamp"))).to_be_visible()
    expect(box.get_by_role("row", name=re.compile("^3 2 .*rejected.*missing title"))).to_be_visible()
    page.emulate_media(color_scheme="dark")
    assert findings(page) == []


@pytest.mark.usefixtures("no_page_errors")
def test_only_the_first_lines_of_a_large_file_are_sent_for_a_preview(page: Page, page_log: PageLog) -> None:
    lines = [HEADER, *(f"{number},Lamp,Home,{'long ' * 40},5,," for number in range(50_000))]
    choose(page, csv_file(*lines))
    expect(preview(page)).to_contain_text("Only the first 8.0 MB of")
    expect(page.locator("[data-outcome=accepted]")).to_have_count(10)
    (sent,) = page_log.requests_to("/v1/listings/bulk/preview")
    assert int(sent.header_value("content-length") or 0) < 8_001_000


@pytest.mark.usefixtures("no_page_errors")
def test_every_preset_can_be_chosen(page: Page) -> None:
    choose(page, csv_file(HEADER))
    presets = page.get_by_label("The listings come from").locator("option")
    assert presets.evaluate_all("all => all.map(one => one.value)") == ["", *preset_names()]


@pytest.mark.usefixtures("no_page_errors")
def test_hostile_text_of_a_file_stays_text_in_the_preview(page: Page) -> None:
    markup = "<img src=x onerror=document.title='owned'>"
    choose(page, csv_file(f"{HEADER},{markup}", f"1{markup},{markup},{markup},,{markup},{'W' * 3000},,{markup}"))
    expect(preview(page).locator(".columns")).to_contain_text(markup)
    assert page.locator(".preview-box img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


@pytest.mark.usefixtures("no_page_errors")
def test_warnings_are_counted_by_flag_and_can_be_downloaded(page: Page) -> None:
    choose(page, csv_file(HEADER, "warned-1,Lamp,Home,,from £5,,", "warned-2,Lamp,Home,,£1 - £2,,"))
    page.get_by_label("Dry run").check()
    page.get_by_role("button", name="Dry run").click()
    job = wait_until_done(page)
    job.get_by_role("button", name="price range 2").click()
    expect(job).to_contain_text(ListingFlag.PRICE_RANGE.explanation)
    expect(job.get_by_role("region", name="Warnings")).to_contain_text("from £5")
    assert findings(page) == []
    with page.expect_download() as download:
        job.get_by_role("button", name="Download all warnings as CSV").click()
    assert "price_range" in download.value.path().read_text()


@pytest.fixture
def sellers_listings(demo: Demo) -> Iterator[list[str]]:
    """Ids of four listings of one seller."""
    ids = [f"own-{number}" for number in range(4)]
    with demo.client() as client:
        for listing_id in ids:
            fields = {"listing_id": listing_id, "title": f"Lamp {listing_id}", "category": "Home", "seller": "shop-9"}
            client.post("/v1/listings", json=fields).raise_for_status()
        yield ids
        for listing_id in ids:
            client.delete(f"/v1/listings/{listing_id}")


def start_dry_sync(page: Page, *rows: str, max_removed: int) -> None:
    choose(page, csv_file(HEADER, *rows))
    page.get_by_label("The file is the whole catalogue").check()
    page.get_by_label("Refuse to remove more than").fill(str(max_removed))
    page.get_by_label("Seller").fill("shop-9")
    expect(page.get_by_label("Dry run")).to_be_checked()
    page.get_by_role("button", name="Dry run").click()
    page.wait_for_url(re.compile("job="))


def exist(demo: Demo, listing_ids: list[str]) -> list[bool]:
    with demo.client() as client:
        return [client.get(f"/v1/listings/{listing_id}").status_code == 200 for listing_id in listing_ids]


@pytest.mark.usefixtures("no_page_errors")
def test_a_sync_is_tried_shown_and_applied_after_a_confirmation(
    page: Page, demo: Demo, sellers_listings: list[str]
) -> None:
    start_dry_sync(page, *(f"own-{number},Lamp,Home,,5,," for number in range(3)), max_removed=50)
    trial = wait_until_done(page).locator(".trial")
    expect(trial).to_contain_text("1 of 4 listings (25 %) would be removed")
    expect(trial).to_contain_text("own-3 Lamp own-3")
    assert findings(page) == []
    trial.get_by_role("button", name="Apply").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 of 4 listings (25 %) will be removed")
    assert all(exist(demo, sellers_listings)), "a dry run removes nothing"
    tried = page.url
    dialog.get_by_role("button", name="Remove and apply").click()
    page.wait_for_url(lambda address: address != tried)
    expect(wait_until_done(page).locator(".trial")).to_have_count(0)
    assert exist(demo, sellers_listings) == [True, True, True, False]


@pytest.mark.usefixtures("no_page_errors")
def test_a_refused_sync_shows_the_reason_and_its_options_can_be_changed(
    page: Page, demo: Demo, sellers_listings: list[str]
) -> None:
    start_dry_sync(page, "own-0,Lamp,Home,,5,,", max_removed=20)
    job = page.locator(".job")
    expect(job.locator(".job-error")).to_contain_text("75", timeout=60_000)
    expect(job.locator(".trial")).to_contain_text("3 of 4 listings (75 %) would be removed")
    expect(job.get_by_role("button", name="Apply")).to_have_count(0)
    job.get_by_role("button", name="Change the options").click()
    expect(page.locator(".files")).to_contain_text("listings.csv")
    expect(page.get_by_label("Refuse to remove more than")).to_have_value("20")
    assert all(exist(demo, sellers_listings))


@pytest.mark.usefixtures("no_page_errors")
def test_a_dry_run_of_another_tab_says_that_the_files_are_needed_again(page: Page) -> None:
    choose(page, csv_file(HEADER, "other-tab,Lamp,Home,,5,,"))
    page.get_by_label("Dry run").check()
    page.get_by_role("button", name="Dry run").click()
    wait_until_done(page)
    page.reload()
    expect(wait_until_done(page).locator(".trial")).to_contain_text("choose the files again")


@pytest.mark.usefixtures("no_page_errors")
def test_a_chosen_preset_decides_how_the_file_is_read(page: Page) -> None:
    choose(page, csv_file(HEADER, "1,Lamp,Home,As new,5,,"))
    expect(preview(page)).to_contain_text("No preset")
    page.get_by_label("The listings come from").select_option("google")
    expect(page.locator(".preview-box")).to_have_count(0)
    expect(preview(page).locator(".job-error")).to_contain_text("'title'")


def test_the_beginning_of_a_huge_report_is_shown_and_its_counts_are_those_of_the_job(page: Page) -> None:
    job = {"job_id": "huge", "kind": "ingest", "state": "succeeded", "counts": {}, "created_at": "2026-01-01T00:00:00Z"}
    event = json.dumps(job | {"warnings": {"price_range": 1_000_000}, "dry_run": False})
    page.route(
        "**/huge/events", lambda route: route.fulfill(content_type="text/event-stream", body=f"data: {event}\n\n")
    )
    page.route("**/huge/rejects", lambda route: route.fulfill(body="file,line,id,field,reason,text\n"))
    record = 'feed.csv,7,lamp,price,price_range,"from\n£5, ""about""",5.00 GBP\n'
    body = "file,line,id,field,flag,before,after\n" + record * 100_000
    page.route("**/huge/warnings", lambda route: route.fulfill(body=body, content_type="text/csv; charset=utf-8"))
    page.goto("/admin?job=huge")
    warnings = page.get_by_role("region", name="Warnings")
    expect(warnings.get_by_role("row")).to_have_count(201, timeout=20_000)
    expect(warnings.get_by_role("row").last).to_contain_text('£5, "about"')
    expect(page.locator(".job")).to_contain_text("Many more are in the file")
    expect(page.get_by_role("button", name="price range 1,000,000")).to_be_visible()


def test_a_report_is_cut_between_records_wherever_its_beginning_ends(page: Page) -> None:
    page.goto("/admin")
    header, record = "id,before\n", 'lamp,"from\n£5, ""about""\n"""\n'
    beginnings = page.evaluate(
        """async ([script, text]) => {
            const { beginningOf } = await import(script.replace("app.js", "admin/beginning.js"));
            const bodies = Array.from({ length: text.length - 19 }, (_, at) => text.slice(0, at + 20));
            return Promise.all(bodies.map(async (body) => (await beginningOf(new Response(body), 15)).text));
        }""",
        [page.locator("script[type=module]").get_attribute("src"), header + record * 3],
    )
    assert set(beginnings) == {header + record * count for count in range(4)}
