"""What readers do on the page, in their words."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

DROP = """([content, type, name]) => {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
}"""


def choose_photo(page: Page, photo: Path) -> None:
    """Search by a file, and wait for results."""
    page.set_input_files("input[type=file] >> nth=0", photo)
    wait_for_results(page)


def drop(page: Page, content: bytes, *, event: str = "drop", media_type: str = "image/jpeg") -> None:
    """Drop a file onto the page, or paste it."""
    transfer = page.evaluate_handle(DROP, [base64.b64encode(content).decode(), media_type, "photo.jpg"])
    if event == "paste":
        page.evaluate("(transfer) => dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer }))", transfer)
    else:
        page.dispatch_event("main", event, {"dataTransfer": transfer})


def wait_for_results(page: Page) -> None:
    """Wait until a search has answered with results."""
    expect(page.locator(".found .match").first).to_be_visible()


def results(page: Page) -> list[str]:
    """Return the listings found, in their order."""
    return [
        str(one)
        for one in page.locator(".found .result[data-listing]").evaluate_all("all => all.map(e => e.dataset.listing)")
    ]
