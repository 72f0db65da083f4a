"""The tabs of the admin view by key and on a phone, and the fields that take files."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.steps import DROP
from tests.page.test_page_quality import TABS, findings

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.usefixtures("no_page_errors")

IN_SIGHT = """tabs => tabs.filter(tab => {
    const { left, right, width } = tab.getBoundingClientRect();
    return width > 0 && left >= 0 && right <= document.documentElement.clientWidth;
}).length"""

MAPPING = b'[listings]\nid = "sku"\n'


@pytest.mark.parametrize("width", [320, 390])
def test_every_tab_is_in_sight_on_a_phone(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/admin")
    expect(page.get_by_role("tab")).to_have_count(len(TABS))
    assert page.get_by_role("tab").evaluate_all(IN_SIGHT) == len(TABS)
    page.get_by_role("tab", name="Model").click()
    expect(page.get_by_role("tabpanel", name="Model")).to_be_visible()


def test_arrow_keys_move_along_the_tabs_and_enter_opens_one(page: Page) -> None:
    page.goto("/admin")
    tabs = page.get_by_role("tablist").get_by_role("tab")
    tabs.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(tabs.last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tabs.first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Ingest")).to_be_visible()  # moving opens nothing
    page.keyboard.press("Enter")
    expect(page.get_by_role("tabpanel", name="Indexes")).to_be_visible()
    expect(page.get_by_role("tab", name="Indexes", selected=True)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_role("tabpanel", name="Recall")).to_be_visible()
    assert page.locator("[role=tab][tabindex='0']").count() == 1


def test_a_file_is_chosen_by_key_with_a_visible_focus_and_taken_out_again(page: Page) -> None:
    page.goto("/admin")
    field = page.get_by_label("Choose files")
    page.get_by_role("tab", selected=True).focus()
    page.keyboard.press("Tab")
    expect(field).to_be_focused()
    button = page.locator(".upload label.button").first
    assert button.evaluate("label => getComputedStyle(label).outlineWidth") == "3px"
    with page.expect_file_chooser() as opened:
        page.keyboard.press("Enter")
    opened.value.set_files([{"name": "listings.csv", "mimeType": "text/csv", "buffer": b"id,title\n" * 200}])
    row = page.locator(".files li")
    expect(row).to_contain_text("listings.csv")
    expect(row).to_contain_text("1.8 kB")
    row.get_by_role("button", name="Remove listings.csv").click()
    expect(page.locator(".files")).to_have_count(0)


def test_a_mapping_is_dropped_named_and_removed(page: Page) -> None:
    page.goto("/admin")
    page.set_input_files("#upload-files", {"name": "listings.csv", "mimeType": "text/csv", "buffer": b"id"})
    page.get_by_text("Column mapping").click()
    transfer = page.evaluate_handle(DROP, [base64.b64encode(MAPPING).decode(), "text/plain", "mine.toml"])
    page.dispatch_event(".drop.small", "dragover", {"dataTransfer": transfer})
    expect(page.locator(".drop.small")).to_have_class(re.compile(r"\bover\b"))
    page.dispatch_event(".drop.small", "drop", {"dataTransfer": transfer})
    text = page.locator("#mapping-columns")
    expect(text).to_have_value(MAPPING.decode())
    expect(page.locator(".mapping")).to_contain_text("mine.toml")
    assert findings(page) == []
    page.get_by_role("button", name="Remove mine.toml").click()
    expect(text).to_have_value("")
    expect(page.locator(".mapping")).not_to_contain_text("mine.toml")
    text.fill("[listings]")
    text.blur()
    expect(page.get_by_role("button", name="Remove mine.toml")).to_have_count(0)
