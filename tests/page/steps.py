"""User actions on the page."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

DROP = """([content, type, name]) => {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
}"""
FOUND = ".search .found[aria-busy=false] .result[data-listing]"
"""The results of a search, but not while another one runs."""

PASTE = """(target, clipboardData) =>
    target.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))"""


def choose_photo(page: Page, photo: Path) -> None:
    """Search by a photo file, and wait for results."""
    page.set_input_files("input[type=file] >> nth=0", photo)
    wait_for_results(page)


def drop_or_paste(
    page: Page, content: bytes, *, event: str = "drop", at: str = "main", media_type: str = "image/jpeg"
) -> None:
    """Drop a file onto the page, or paste it if `event` is "paste"."""
    transfer = page.evaluate_handle(DROP, [base64.b64encode(content).decode(), media_type, "photo.jpg"])
    if event == "paste":
        page.locator(at).evaluate(PASTE, transfer)
    else:
        page.dispatch_event(at, event, {"dataTransfer": transfer})


def wait_for_results(page: Page) -> None:
    """Wait until the results of a search are shown."""
    expect(page.locator(FOUND).first).to_be_visible()


def draw_crop(page: Page) -> None:
    """Draw a crop over the middle of the photo."""
    expect(page.locator(".preview api-photo[data-state=shown]")).to_be_visible()
    drag_crop(page, page.locator("crop-box"))


def drag_crop(page: Page, crop_box: Locator) -> None:
    """Drag over the middle of a photo that is shown."""
    box = crop_box.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("crop=0.3"))


def load_more_results(page: Page) -> None:
    """Scroll to the end of the results, and wait for more."""
    shown = len(results(page))
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator(".found .result[data-listing]").nth(shown)).to_be_attached()


def results(page: Page) -> list[str]:
    """Return the listing ids of the results, in order."""
    return [
        str(listing_id)
        for listing_id in page.locator(".found .result[data-listing]").evaluate_all(
            "all => all.map(e => e.dataset.listing)"
        )
    ]
