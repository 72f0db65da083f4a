"""The admin page when the server fails or is slow, and when the user leaves before it answers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.page.browsing import PageLog

BUSY = {"status": 503, "json": {"title": "Unavailable", "detail": "The server is busy."}}
NO_KEY = {"status": 401, "json": {"title": "Unauthorized", "detail": "An API key is needed."}}
NO_CONTENT = {"status": 204}
FINISHED_JOB = {"kind": "repair", "state": "succeeded", "counts": {}, "created_at": "2026-01-01T00:00:00Z"}

JOBS = re.compile(r"/v1/jobs\?")
RECALL = "**/v1/admin/recall?*"
CONSISTENCY = "**/v1/admin/consistency"
UPLOAD = "**/v1/listings/bulk"


def answer(page: Page, address: str | re.Pattern[str], *answers: dict[str, Any]) -> None:
    """Answer the requests to an address with the answers in turn; repeat the last answer."""
    remaining = list(answers)
    page.route(address, lambda route: route.fulfill(**(remaining.pop(0) if len(remaining) > 1 else remaining[0])))


def hold(page: Page, address: str, *, times: int | None = None) -> list[Route]:
    """Leave requests to an address unanswered, at most `times` if set; return the list that collects them."""
    held: list[Route] = []
    page.route(address, lambda route: held.append(route), times=times)
    return held


def go_offline_and_back(page: Page) -> None:
    for offline in (True, False):
        page.context.set_offline(offline)
        expect(page.get_by_text("You are offline. Results stay")).to_have_count(int(offline))


def test_reconnecting_does_not_request_loaded_data_again(page: Page, page_log: PageLog) -> None:
    page.goto("/admin?tab=recall")
    expect(page.get_by_role("heading", name="Recall of searches")).to_be_visible()
    go_offline_and_back(page)
    page.get_by_role("tab", name="Model").click()
    expect(page.get_by_role("heading", name=re.compile("^Model "))).to_be_visible()
    assert len(page_log.requests_to("/v1/admin/recall")) == 1


def test_try_again_adds_older_jobs_that_failed_to_load(page: Page) -> None:
    newer = {"jobs": [FINISHED_JOB | {"job_id": "newer"}], "cursor": "next"}
    older = {"jobs": [FINISHED_JOB | {"job_id": "older"}], "cursor": None}
    answer(page, JOBS, {"json": newer}, BUSY, {"json": older})
    page.goto("/admin")
    page.get_by_role("button", name="Older jobs").click()
    page.get_by_role("button", name="Try again").click()
    jobs = page.get_by_role("region", name="Jobs", exact=True).get_by_role("rowheader")
    expect(jobs).to_have_text([re.compile("newer"), re.compile("older")])


def test_a_job_that_could_not_be_queued_can_be_requested_again(page: Page) -> None:
    answer(page, "**/v1/admin/reindex", BUSY)
    page.goto("/admin?tab=indexes")
    page.get_by_role("button", name="Reindex").click()
    page.get_by_role("dialog").get_by_role("button", name="Reindex").click()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    with page.expect_request("**/v1/admin/reindex"):
        page.get_by_role("dialog").get_by_role("button", name="Reindex").click()


def test_the_recall_chart_names_the_period_of_its_data(page: Page) -> None:
    search = {"generation": 1, "plan": "faiss", "shape": "none", "queries": 3, "ann_recall_at_10": 1}
    recall = {"indexes": [], "searches": [search | {"hour": "2026-01-01T00:00:00Z"}]}
    answer(page, RECALL, {"json": recall}, BUSY)
    page.goto("/admin?tab=recall")
    page.get_by_role("combobox").select_option("720")
    expect(page.get_by_role("alert")).to_contain_text("The server is busy")
    expect(page.get_by_role("img")).to_have_accessible_name(re.compile("in the last day"))


def test_only_one_comparison_runs_at_a_time(page: Page) -> None:
    hold(page, CONSISTENCY)
    page.goto("/admin?tab=indexes")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("button", name="Comparing…")).to_be_disabled()


def test_a_comparison_started_before_a_job_ended_is_repeated(page: Page) -> None:
    consistent = {"engine": "faiss", "expected": 7, "held": 7, "missing": [], "extra": [], "different": []}
    answer(page, CONSISTENCY, {"json": [consistent]})
    hold(page, CONSISTENCY, times=1)
    events = hold(page, "**/v1/jobs/mended/events")
    page.goto("/admin?tab=indexes&job=mended")
    with page.expect_request(CONSISTENCY):
        page.get_by_role("button", name="Compare").click()
    event = json.dumps(FINISHED_JOB | {"job_id": "mended"})
    events[0].fulfill(content_type="text/event-stream", body=f"data: {event}\n\n")
    expect(page.get_by_role("region", name="Indexes and database").get_by_role("row", name="FAISS")).to_contain_text(
        "matches"
    )


@pytest.fixture
def upload_progress(page: Page) -> Locator:
    """The progress bar of a bulk upload that has not ended."""
    hold(page, UPLOAD)
    page.goto("/")
    page.get_by_role("link", name="Admin").click()
    page.set_input_files("#upload-files", {"name": "listings.csv", "mimeType": "text/csv", "buffer": b"id\n1\n"})
    page.get_by_role("button", name="Start").click()
    progress = page.get_by_role("progressbar", name="Sending the files")
    expect(progress).to_be_visible()
    return progress


@pytest.mark.parametrize("way", ["Model", "Search", "Back"])
def test_an_upload_continues_when_leaving_is_cancelled(page: Page, upload_progress: Locator, way: str) -> None:
    if way == "Back":
        page.evaluate("history.back()")
    else:
        page.get_by_role("tab" if way == "Model" else "link", name=way, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(upload_progress).to_be_visible()


@pytest.mark.usefixtures("upload_progress")
def test_confirming_stops_the_upload_and_leaves(page: Page) -> None:
    page.get_by_role("tab", name="Model").click()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/bulk")):
        page.get_by_role("dialog").get_by_role("button", name="Stop and leave").click()
    expect(page.get_by_role("heading", name=re.compile("^Model "))).to_be_visible()


@pytest.mark.usefixtures("upload_progress")
def test_the_browser_asks_before_a_reload_interrupts_an_upload(page: Page) -> None:
    with page.expect_event("dialog") as dialog:
        page.evaluate("setTimeout(() => location.reload())")
    assert dialog.value.type == "beforeunload"
    dialog.value.dismiss()
