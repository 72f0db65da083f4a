"""Leaving a view that would lose something: it is asked first, and what is declined changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Leave = Callable[[Page], object]

pytestmark = pytest.mark.usefixtures("calm")

WAYS = {
    "by a link": lambda page: page.get_by_role("link", name="Search", exact=True).click(),
    "by going back": lambda page: page.evaluate("history.back()"),
    "by going forth": lambda page: page.evaluate("history.forward()"),
}
by_every_way = pytest.mark.parametrize("leave", WAYS.values(), ids=WAYS)


@pytest.fixture
def sending(page: Page) -> Page:
    """A page whose files are on their way, with a search before it in the history and another after it."""
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


@by_every_way
def test_who_declines_stays_with_the_address_and_what_is_sent(sending: Page, leave: Leave) -> None:
    address = sending.url
    for _ in range(2):
        leave(sending)
        sending.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(sending.get_by_role("dialog")).to_have_count(0)
    assert sending.url == address
    expect(sending.locator(".upload progress")).to_be_visible()


@by_every_way
def test_who_agrees_goes_where_they_asked_to(sending: Page, leave: Leave) -> None:
    leave(sending)
    sending.get_by_role("dialog").get_by_role("button", name="Stop and leave").click()
    expect(sending.locator(".hero")).to_be_visible()
    assert "/admin" not in sending.url


def test_who_declines_to_go_back_can_still_go_forth(sending: Page) -> None:
    sending.evaluate("history.back()")
    sending.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    sending.get_by_role("button", name="Stop").click()
    sending.go_forward()
    expect(sending.locator(".hero")).to_be_visible()
