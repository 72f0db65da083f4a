"""What a job leaves to be read: its error, its counts and its reports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.page.admin.test_failing import BUSY, JOBS, NO_KEY, answer

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.page.browsing import Demo

CUT = """all => all.filter(one => one.scrollWidth > one.clientWidth)
    .map(one => `${one.ariaLabel}: ${one.scrollWidth} of ${one.clientWidth} pixels`)"""
JOB = {
    "job_id": "made-up", "kind": "ingest", "state": "failed", "cancel_requested": False, "progress": None,
    "error": "listings.csv: the column 'price' is missing", "created_at": "2026-01-01T00:00:00Z", "warnings": {},
    "rejects": {}, "dry_run": False, "started_at": None, "finished_at": None,
}  # fmt: skip
"""A job as the server lists it."""


def open_job(page: Page, **fields: Any) -> None:
    """Open the page of a made-up job without reports."""
    events = f"data: {json.dumps(JOB | fields)}\n\n"
    page.route(
        "**/v1/jobs/made-up/**",
        lambda route: route.fulfill(content_type="text/event-stream", body=events),
    )
    for report in ("rejects", "warnings"):
        answer(page, f"**/v1/jobs/made-up/{report}", {"content_type": "text/csv", "body": ""})
    answer(page, JOBS, {"json": {"jobs": [JOB | fields], "cursor": None}})
    page.goto("/admin?tab=ingest&job=made-up")


def test_a_failed_job_shows_its_error_and_then_only_the_counts_that_are_not_zero(page: Page) -> None:
    counts = {"listings_read": 1, "listings_accepted": 0, "listings_rejected": 1, "photos_read": 0, "photos_new": 0}
    open_job(page, counts=counts)
    error = page.locator(".job-error")
    expect(error).to_have_text(str(JOB["error"]))
    expect(page.locator(".figures dt")).to_have_text(["read", "rejected"])
    below, tiles = error.bounding_box(), page.locator(".figures").bounding_box()
    assert below
    assert tiles
    assert below["y"] + below["height"] <= tiles["y"]
    expect(page.get_by_role("table", name="Jobs")).to_contain_text("0 of 1 listing, 0 of 0 photos")


@pytest.mark.parametrize("width", [820, 1280])
def test_no_column_of_a_job_is_cut_off_and_long_records_are_folded(page: Page, demo: Demo, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    with demo.client() as client:
        job = client.get("/v1/jobs").json()["jobs"][-1]
    page.goto(f"/admin?tab=ingest&job={job['job_id']}")
    record = page.get_by_role("region", name="Warnings, as a table").locator("tr", has=page.locator("details")).first
    expect(record).to_be_visible()
    assert page.locator(".scroll").evaluate_all(CUT) == []
    box = record.bounding_box()
    assert box
    assert box["height"] < 350
    record.locator("summary").first.click()
    expect(record.locator(".whole").first).to_be_visible()


def test_a_key_can_be_entered_only_where_the_server_wants_one(page: Page) -> None:
    page.goto("/admin")
    expect(page.get_by_role("table", name="Jobs")).to_be_visible()
    button = page.get_by_role("navigation").get_by_role("button", name="Key")
    expect(button).to_have_count(0)
    answer(page, JOBS, BUSY, NO_KEY)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The server is busy")
    expect(button).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    expect(button).to_be_visible()
