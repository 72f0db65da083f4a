"""Leaving a view during an upload: the page asks first, and cancelling changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Leave = Callable[[Page], object]

pytestmark = pytest.mark.usefixtures("no_page_errors")

WAYS_TO_LEAVE = {
    "by a link": lambda page: page.get_by_role("link", name="Search", exact=True).click(),
    "by going back": lambda page: page.evaluate("history.back()"),
    "by going forward": lambda page: page.evaluate("history.forward()"),
}
for_every_way_to_leave = pytest.mark.parametrize("leave", WAYS_TO_LEAVE.values(), ids=WAYS_TO_LEAVE)


@pytest.fixture
def uploading_page(page: Page) -> Page:
    """A page that is uploading files; its history has one search before it and one after it."""
    page.goto("/")
    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_role("link", name="Search", exact=True).click()
    expect(page.locator(".hero")).to_be_visible()
    page.go_back()
    page.route("**/v1/listings/bulk", lambda _: None)
    page.set_input_files("#upload-files", {"name": "listings.csv", "mimeType": "text/csv", "buffer": b"id"})
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".upload progress")).to_be_visible()
    return page


@for_every_way_to_leave
def test_cancelling_keeps_the_address_and_the_upload(uploading_page: Page, leave: Leave) -> None:
    address = uploading_page.url
    for _ in range(2):
        leave(uploading_page)
        uploading_page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(uploading_page.get_by_role("dialog")).to_have_count(0)
    assert uploading_page.url == address
    expect(uploading_page.locator(".upload progress")).to_be_visible()


@for_every_way_to_leave
def test_confirming_opens_the_chosen_view(uploading_page: Page, leave: Leave) -> None:
    leave(uploading_page)
    uploading_page.get_by_role("dialog").get_by_role("button", name="Stop and leave").click()
    expect(uploading_page.locator(".hero")).to_be_visible()
    assert "/admin" not in uploading_page.url


def test_going_forward_works_after_cancelling_going_back(uploading_page: Page) -> None:
    uploading_page.evaluate("history.back()")
    uploading_page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    uploading_page.get_by_role("button", name="Stop").click()
    uploading_page.go_forward()
    expect(uploading_page.locator(".hero")).to_be_visible()
