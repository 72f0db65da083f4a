"""Takes the screenshots in docs/screenshots: `python -m tests.page.screenshots` after `lookalike demo --no-serve`.

It takes each view at the width of a phone, a tablet and a desktop, in the light and the dark colour scheme.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.page.browsing import ROOT, Demo, running_chromium, serving_demo_copy
from tests.page.steps import choose_photo, wait_for_results

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

HEIGHT_OF_WIDTH = {390: 844, 820: 1180, 1440: 900}
SCHEMES = ("light", "dark")


def start(page: Page, _demo: Demo) -> None:
    page.goto("/")
    page.locator(".result api-photo[data-state=shown]").first.wait_for()


def search(page: Page, demo: Demo) -> None:
    """Search by a crop of a photo."""
    page.goto("/")
    choose_photo(page, demo.photos[3])
    page.goto(f"{page.url}&crop=0.22,0.08,0.62,0.84")
    wait_for_results(page)


def listing(page: Page, demo: Demo) -> None:
    with demo.client() as client:
        newest = client.get("/v1/listings").json()["listings"]
    page.goto(f"/listing?id={newest[1]['listing_id']}")
    page.locator("[aria-labelledby=similar] .result[data-listing]").first.wait_for()


def admin(page: Page, demo: Demo) -> None:
    """Open the ingest job of the demo."""
    with demo.client() as client:
        jobs = client.get("/v1/jobs").json()["jobs"]
    page.goto(f"/admin?tab=ingest&job={jobs[-1]['job_id']}")
    page.locator(".job table").first.wait_for()


def indexes(page: Page, _demo: Demo) -> None:
    """Compare the indexes with the database."""
    page.goto("/admin?tab=indexes")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_load_state("networkidle")


VIEWS: tuple[Callable[[Page, Demo], None], ...] = (start, search, listing, admin, indexes)


def take_screenshots(folder: Path) -> None:
    """Write a screenshot of every view to the folder, as VIEW-WIDTH-SCHEME.jpg."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        serving_demo_copy(Path(temporary)) as demo,
        running_chromium() as browser,
    ):
        for width, height in HEIGHT_OF_WIDTH.items():
            for scheme in SCHEMES:
                context = browser.new_context(
                    base_url=demo.url,
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,  # type: ignore[arg-type]
                    reduced_motion="reduce",
                    locale="en-GB",
                )
                page = context.new_page()
                for view in VIEWS:
                    view(page, demo)
                    page.wait_for_load_state("networkidle")
                    path = folder / f"{view.__name__}-{width}-{scheme}.jpg"
                    page.screenshot(path=path, type="jpeg", quality=80)
                    print(path)
                context.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "screenshots")
    take_screenshots(parser.parse_args().folder)
