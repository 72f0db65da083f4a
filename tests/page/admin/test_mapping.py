"""The column mapping of an upload: its example, and what is wrong in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.test_page_quality import findings

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LISTINGS = b"id,product_name,category,product_description,price,location\n1,Lamp,Home,,5,\n"


@pytest.fixture
def mapping(page: Page) -> Locator:
    """The open field of the mapping, with a file to preview."""
    page.goto("/admin")
    page.set_input_files("#upload-files", {"name": "listings.csv", "mimeType": "text/csv", "buffer": LISTINGS})
    page.get_by_text("Column mapping").click()
    return page.get_by_role("textbox", name="Which column is which field")


def test_what_is_wrong_in_a_mapping_stands_beside_it_with_its_line(page: Page, mapping: Locator) -> None:
    wrong = {
        '[listings]\nid = "sku"\ntitle = name\n': (3, "The mapping is not TOML"),
        '[listings]\nid = "sku"\n[photos': (3, "The mapping is not TOML"),
        '[photos]\nid = "titel"\n\n[listings]\n"titel" = "name"\n': (5, "unknown field of [listings] 'titel'"),
        '[listings]\nid = "sku"\n\n[attributes]\nid = 5\n': (5, "attributes.id is not text"),
        '[listing]\nid = "sku"\n': (1, "unknown table 'listing'"),
    }
    for text, (line, message) in wrong.items():
        mapping.fill(text)
        page.get_by_role("button", name="Preview").click()
        alert = page.locator(".mapping").get_by_role("alert")
        expect(alert).to_contain_text(message)
        expect(alert).to_contain_text(re.compile(rf"Line {line}\b"))
        expect(alert.locator("code")).to_have_text(text.split("\n")[line - 1])
        expect(page.get_by_role("alert")).to_have_count(1)
    expect(mapping).to_have_attribute("aria-invalid", "true")
    assert findings(page) == []
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".mapping").get_by_role("alert")).to_contain_text("unknown table 'listing'")
    mapping.fill("")
    mapping.blur()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_example_of_a_mapping_is_one_that_can_be_read(page: Page, mapping: Locator) -> None:
    example = mapping.get_attribute("placeholder") or ""
    assert "[listings]" in example
    mapping.fill(example)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview-box .job-error")).to_contain_text("sku")  # the file lacks the column
    expect(page.get_by_role("alert")).to_have_count(0)
