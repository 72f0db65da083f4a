"""Administration in a browser where the server fails, is slow, or is not given the time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.page.browsing import Witness

BUSY = {"status": 503, "json": {"title": "Unavailable", "detail": "The server is busy."}}
NO_KEY = {"status": 401, "json": {"title": "Unauthorized", "detail": "An API key is needed."}}
KEPT = {"status": 204}
ENDED = {"kind": "repair", "state": "succeeded", "counts": {}, "created_at": "2026-01-01T00:00:00Z"}

GROUPS, REVIEW = "**/v1/admin/duplicates?*", "**/v1/admin/duplicates/review"
JOBS = re.compile(r"/v1/jobs\?")
RECALL = "**/v1/admin/recall?*"
CONSISTENCY = "**/v1/admin/consistency"
UPLOAD = "**/v1/listings/bulk"


def answer(page: Page, address: str | re.Pattern[str], *answers: dict[str, Any]) -> None:
    """Answer the requests of an address, each by the next of the answers and further ones by the last."""
    left = list(answers)
    page.route(address, lambda route: route.fulfill(**(left.pop(0) if len(left) > 1 else left[0])))


def hold(page: Page, address: str, *, times: int | None = None) -> list[Route]:
    """Keep the requests of an address waiting, as many as are named or all, and return them as they come."""
    held: list[Route] = []
    page.route(address, lambda route: held.append(route), times=times)
    return held


def group(one: str, other: str) -> dict[str, Any]:
    ids = {"listing_id": one, "other_listing_id": other, "photo_id": 1, "other_photo_id": 2}
    link = ids | {"verdict": "The same picture.", "score": 1, "decision": None}
    return {"listing_ids": [one, other], "links": [link]}


@pytest.fixture
def pairs(page: Page) -> tuple[Locator, Locator]:
    """Two pairs of duplicates to decide about, in a list that fails once to be continued by a third."""
    first = {"groups": [group("lamp-1", "lamp-2"), group("chair-1", "chair-2")], "cursor": "next"}
    second = {"groups": [group("sofa-1", "sofa-2")], "cursor": None}
    answer(page, GROUPS, {"json": first}, BUSY, {"json": second})
    page.goto("/admin?tab=duplicates")
    return page.get_by_role("group", name="lamp-1 and"), page.get_by_role("group", name="chair-1 and")


def decide(pair: Locator, decision: str) -> None:
    pair.get_by_role("button", name=re.compile(f"^{decision}")).click()


def go_offline_and_back(page: Page) -> None:
    for offline in (True, False):
        page.context.set_offline(offline)
        expect(page.get_by_text("You are offline. Results stay")).to_have_count(int(offline))


def test_a_decision_that_was_not_kept_stays_said_while_the_next_is_kept(
    page: Page, pairs: tuple[Locator, Locator]
) -> None:
    lamps, chairs = pairs
    answer(page, REVIEW, BUSY, KEPT)
    decide(lamps, "Reject")
    decide(chairs, "Accept")
    expect(chairs).to_contain_text("Decided: one item")
    expect(lamps.get_by_role("alert")).to_contain_text("The server is busy")


def test_trying_a_decision_again_sends_it_again(page: Page, pairs: tuple[Locator, Locator]) -> None:
    answer(page, REVIEW, BUSY, KEPT)
    decide(pairs[0], "Reject")
    page.get_by_role("alert").get_by_role("button", name="Try again").click()
    expect(pairs[0]).to_contain_text("Decided: different items")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_decision_is_sent_again_once_there_is_a_key(page: Page, pairs: tuple[Locator, Locator]) -> None:
    answer(page, REVIEW, NO_KEY, KEPT)
    decide(pairs[0], "Accept")
    page.get_by_role("button", name="Enter a key").click()
    page.get_by_label("Key", exact=True).fill("anything")
    page.get_by_role("button", name="Use this key").click()
    expect(pairs[0]).to_contain_text("Decided: one item")


def test_a_decision_reaches_the_server_though_the_tab_is_left(page: Page, pairs: tuple[Locator, Locator]) -> None:
    held = hold(page, REVIEW)
    with page.expect_request(REVIEW):
        decide(pairs[0], "Reject")
    page.get_by_role("link", name="Model").click()
    expect(page.get_by_role("heading", name=re.compile("^Model "))).to_be_visible()
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/review")):
        held[0].fulfill(**KEPT)


def test_what_was_decided_stays_while_a_lost_page_of_groups_is_asked_for_again(
    page: Page, pairs: tuple[Locator, Locator]
) -> None:
    answer(page, REVIEW, KEPT)
    decide(pairs[0], "Accept")
    page.get_by_role("button", name="More groups").click()
    expect(page.get_by_role("alert")).to_contain_text("The server is busy")
    go_offline_and_back(page)
    expect(page.get_by_role("group", name="sofa-1 and")).to_be_visible()
    expect(pairs[0]).to_contain_text("Decided: one item")


def test_a_connection_that_is_back_asks_for_nothing_that_is_there(page: Page, witness: Witness) -> None:
    page.goto("/admin?tab=recall")
    expect(page.get_by_role("heading", name="Recall of users' searches")).to_be_visible()
    go_offline_and_back(page)
    page.get_by_role("link", name="Model").click()
    expect(page.get_by_role("heading", name=re.compile("^Model "))).to_be_visible()
    assert len(witness.of("/v1/admin/recall")) == 1


def test_older_jobs_that_could_not_be_had_are_added_when_asked_for_again(page: Page) -> None:
    newer = {"jobs": [ENDED | {"job_id": "newer"}], "cursor": "next"}
    older = {"jobs": [ENDED | {"job_id": "older"}], "cursor": None}
    answer(page, JOBS, {"json": newer}, BUSY, {"json": older})
    page.goto("/admin")
    page.get_by_role("button", name="Older jobs").click()
    page.get_by_role("button", name="Try again").click()
    jobs = page.get_by_role("region", name="Jobs", exact=True).get_by_role("rowheader")
    expect(jobs).to_have_text([re.compile("newer"), re.compile("older")])


def test_a_job_that_could_not_be_queued_is_asked_for_again(page: Page) -> None:
    answer(page, "**/v1/admin/reindex", BUSY)
    page.goto("/admin?tab=indexes")
    page.get_by_role("button", name="Reindex").click()
    page.get_by_role("dialog").get_by_role("button", name="Reindex").click()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    with page.expect_request("**/v1/admin/reindex"):
        page.get_by_role("dialog").get_by_role("button", name="Reindex").click()


def test_a_chart_of_recall_tells_the_span_that_was_answered(page: Page) -> None:
    search = {"generation": 1, "plan": "faiss", "shape": "none", "queries": 3, "ann_recall_at_10": 1}
    found = {"indexes": [], "searches": [search | {"hour": "2026-01-01T00:00:00Z"}]}
    answer(page, RECALL, {"json": found}, BUSY)
    page.goto("/admin?tab=recall")
    page.get_by_role("combobox").select_option("720")
    expect(page.get_by_role("alert")).to_contain_text("The server is busy")
    expect(page.get_by_role("img")).to_have_accessible_name(re.compile("in the last day"))


def test_one_comparison_is_asked_for_at_a_time(page: Page) -> None:
    hold(page, CONSISTENCY)
    page.goto("/admin?tab=indexes")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("button", name="Comparing…")).to_be_disabled()


def test_a_comparison_begun_before_a_job_ended_is_made_anew(page: Page) -> None:
    in_line = {"engine": "faiss", "expected": 7, "held": 7, "missing": [], "extra": [], "different": []}
    answer(page, CONSISTENCY, {"json": [in_line]})
    hold(page, CONSISTENCY, times=1)
    events = hold(page, "**/v1/jobs/mended/events")
    page.goto("/admin?tab=indexes&job=mended")
    with page.expect_request(CONSISTENCY):
        page.get_by_role("button", name="Compare").click()
    told = json.dumps(ENDED | {"job_id": "mended"})
    events[0].fulfill(content_type="text/event-stream", body=f"data: {told}\n\n")
    expect(page.get_by_role("region", name="Consistency").get_by_role("row", name="faiss")).to_contain_text("matches")


@pytest.fixture
def sending(page: Page) -> Locator:
    """A bulk upload that is on its way."""
    hold(page, UPLOAD)
    page.goto("/")
    page.get_by_role("link", name="Admin").click()
    page.set_input_files("#upload-files", {"name": "listings.csv", "mimeType": "text/csv", "buffer": b"id\n1\n"})
    page.get_by_role("button", name="Start").click()
    progress = page.get_by_role("progressbar", name="Sending the files")
    expect(progress).to_be_visible()
    return progress


@pytest.mark.parametrize("way", ["Model", "Search", "Back"])
def test_an_upload_goes_on_unless_leaving_is_confirmed(page: Page, sending: Locator, way: str) -> None:
    if way == "Back":
        page.evaluate("history.back()")
    else:
        page.get_by_role("link", name=way, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(sending).to_be_visible()


@pytest.mark.usefixtures("sending")
def test_an_upload_is_left_once_that_is_confirmed(page: Page) -> None:
    page.get_by_role("link", name="Model").click()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/bulk")):
        page.get_by_role("dialog").get_by_role("button", name="Stop and leave").click()
    expect(page.get_by_role("heading", name=re.compile("^Model "))).to_be_visible()


@pytest.mark.usefixtures("sending")
def test_the_browser_asks_before_it_drops_an_upload(page: Page) -> None:
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
