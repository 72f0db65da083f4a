"""Takes the screenshots in docs/screenshots: `python -m tests.page.screenshots` after `lookalike demo --no-serve`.

It takes the main views at the width of a phone, a tablet and a desktop, in the light and the dark colour scheme, and
the others on a desktop in light and on a phone in dark.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ml.evaluation.foreign_pictures import foreign_pictures
from tests.page.browsing import ROOT, Demo, running_chromium, serving_demo_copy
from tests.page.steps import choose_photo, wait_for_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from playwright.sync_api import Browser, FilePayload, Page

    View = Callable[[Page, Demo], None]

HEIGHT_OF_WIDTH = {390: 844, 820: 1180, 1280: 900}
LOOKS = tuple(product(HEIGHT_OF_WIDTH, ("light", "dark")))
FEW_LOOKS = ((1280, "light"), (390, "dark"))
LAMP = "da9985d7-78ec-404e-9bd4-f6c0050232d5"
SHOPIFY_EXPORT = """\
Handle,Title,Body (HTML),Vendor,Product Category,Tags,Variant Price,Image Src,Variant Grams,Status
brass-lamp,Brass desk lamp,<p>With a new cable</p>,Hill & Daughters,Home > Lighting > Lamps,"brass, desk",£24.50,https://cdn.example.com/brass-lamp-1.jpg?v=3,900,active
brass-lamp,,,,,,,https://cdn.example.com/brass-lamp-2.jpg?v=3,,
oak-chair,Oak chair,<p>One of six</p>,Hill & Daughters,Home > Furniture > Chairs,oak,"1.080,00 €",https://cdn.example.com/oak-chair.jpg?v=1,4000,active
rug,Striped rug,<p>2 &times; 3 m</p>,Loom,Home > Rugs,,ask,https://cdn.example.com/rug.jpg,7000,active
mirror,Round mirror,<p>Small chip</p>,Loom,Home > Mirrors,round,from £35,https://cdn.example.com/mirror.jpg,2500,archived
"""
UNTIDY_FEED = """\
id,product_name,category,product_description,price,location,listed_at
lamp-1,Brass lamp,Home > Lamps,As new,from £20,"Delph, Manchester",31/01/2024
lamp-2,Desk lamp,home > LAMPS,As new,£15 - £18,"Delph, Manchester",03/04/2024
lamp-3,Floor lamp,Home > Lamps,Heavy, solid brass,£40,Leeds,2024-02-01
chair-1,Oak chair,Home > Chairs,Old,ask the owner,Leeds,45322
chair-2,Chair,6372,Old,1.234,Leeds,soon
chair-3,Pine chair,Home > Chairs,Old,£12.345,Leeds,2024-02-01
"""


def start(page: Page, _demo: Demo) -> None:
    page.goto("/")
    page.locator(".result api-photo[data-state=shown]").first.wait_for()


def search(page: Page, demo: Demo) -> None:
    """Search by a crop of a photo."""
    page.goto("/")
    choose_photo(page, demo.photos[3])
    page.goto(f"{page.url}&crop=0.22,0.08,0.62,0.84")
    wait_for_results(page)


def filters(page: Page, _demo: Demo) -> None:
    """Look for lamps, cheapest first."""
    path = "Home & Garden / Dining, Living Room Furniture / Lighting & Fittings"
    page.goto(f"/?{urlencode({'listing': LAMP, 'path': path, 'price_max': 40, 'sort': 'price'})}")
    wait_for_results(page)
    page.locator(".levels .levels").first.wait_for(state="attached")
    _open_filters(page)


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


def preview(page: Page, _demo: Demo) -> None:
    """Preview the export of a shop."""
    page.goto("/admin")
    page.set_input_files("#upload-files", _file("products_export.csv", SHOPIFY_EXPORT))
    page.get_by_role("button", name="Preview").click()
    page.locator(".preview-box").wait_for()
    page.locator(".preview-box").evaluate("box => box.scrollIntoView()")


def dry_run(page: Page, demo: Demo) -> None:
    """Try to sync with a feed that lacks every fortieth listing of the demo."""
    with (demo.folder / "catalogue" / "listings.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    # Records without a readable id would keep the sync from removing anything.
    whole = [row for number, row in enumerate(rows) if len(row) == len(header) and number % 40 != 7]
    feed = io.StringIO()
    csv.writer(feed).writerows([header, *whole])
    page.goto("/admin")
    page.set_input_files("#upload-files", _file("feed.csv", feed.getvalue()))
    page.get_by_label("The file is the whole catalogue").check()
    page.get_by_role("button", name="Dry run").click()
    page.locator(".trial .notes").wait_for(timeout=40_000)
    page.locator(".job").evaluate("job => job.scrollIntoView()")


def warnings(page: Page, _demo: Demo) -> None:
    """Show what a dry run would repair or guess."""
    page.goto("/admin")
    page.set_input_files("#upload-files", _file("feed.csv", UNTIDY_FEED))
    page.get_by_label("Accept listings with an unreadable price").check()
    page.get_by_label("Dry run").check()
    page.get_by_role("button", name="Dry run").click()
    heading = page.get_by_role("heading", name="Changed, guessed or left out")
    heading.wait_for(timeout=40_000)
    heading.evaluate("heading => heading.scrollIntoView()")


def unlike(page: Page, _demo: Demo) -> None:
    """Search by a picture of nothing that the catalogue has."""
    page.goto("/")
    _search_by(page, foreign_pictures(1)["text"][0])


def report(page: Page, _demo: Demo) -> None:
    page.goto("/admin?tab=model&report=1")
    page.frame_locator("iframe.report").locator("h1").first.wait_for()


def duplicates(page: Page, _demo: Demo) -> None:
    page.goto("/admin?tab=duplicates")
    page.get_by_role("button", name="Same item").wait_for()


def offers(page: Page, demo: Demo) -> None:
    """Search for an item that two sellers offer."""
    with demo.client() as client:
        link = client.get("/v1/admin/duplicates", params={"state": "open"}).json()["groups"][0]["links"][0]
        pair = {name: link[name] for name in ("listing_id", "other_listing_id")}
        client.post("/v1/admin/duplicates/review", json={**pair, "decision": "accept"}).raise_for_status()
        photo = client.get(f"/v1/photos/{link['photo_id']}").content
    page.goto("/")
    _search_by(page, photo)
    page.locator(".offers summary").first.click()


def _search_by(page: Page, photo: bytes) -> None:
    page.set_input_files("input[type=file] >> nth=0", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo})
    wait_for_results(page)


def facets(page: Page, demo: Demo) -> None:
    """Search among listings with attributes."""
    _add_attributes(demo)
    page.goto(f"/?listing={LAMP}&attribute=condition:used&attribute=height_cm:20..60")
    wait_for_results(page)
    _open_filters(page)
    page.locator(".facet").last.wait_for()
    page.locator(".facet").last.evaluate("facet => facet.scrollIntoView({ block: 'end' })")


def _open_filters(page: Page) -> None:
    """Open the sheet of filters where the screen is too small to show them."""
    if not page.get_by_label("Place").is_visible():
        page.get_by_role("button", name="Filters").click()


def _add_attributes(demo: Demo) -> None:
    """Give the listings that look most like a lamp attributes, an address, and mark some sold."""
    with demo.client() as client:
        similar = client.get(f"/v1/listings/{LAMP}/similar", params={"k": 60}).json()["results"]
        for number, found in enumerate(similar):
            attributes = {
                "brand": ("Hill", "Loom", "Acme")[number % 3],
                "condition": ("used", "new", "used", "for parts")[number % 4],
                "height_cm": 20 + number * 7 % 45,
                "boxed": number % 5 == 0,
            }
            change = {"attributes": attributes, "sold": number % 8 == 2, "url": f"https://shop.example/{number}"}
            client.patch(f"/v1/listings/{found['listing_id']}", json=change).raise_for_status()


def _file(name: str, text: str) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


VIEWS: tuple[View, ...] = (start, search, filters, listing, admin, indexes)
OTHER_VIEWS: tuple[View, ...] = (preview, dry_run, warnings, unlike, report, duplicates, offers, facets)


def take_screenshots(folder: Path, only: Iterable[str]) -> None:
    """Write a screenshot of every view, or of those named in `only`, to the folder, as VIEW-WIDTH-SCHEME.jpg."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        serving_demo_copy(Path(temporary)) as demo,
        running_chromium() as browser,
    ):
        for views, looks in ((VIEWS, LOOKS), (OTHER_VIEWS, FEW_LOOKS)):
            chosen = [view for view in views if not only or view.__name__ in only]
            for width, scheme in looks if chosen else ():
                _take(browser, demo, chosen, width=width, scheme=scheme, folder=folder)


def _take(browser: Browser, demo: Demo, views: Iterable[View], *, width: int, scheme: str, folder: Path) -> None:
    with browser.new_context(
        base_url=demo.url,
        viewport={"width": width, "height": HEIGHT_OF_WIDTH[width]},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        locale="en-GB",
    ) as context:
        page = context.new_page()
        for view in views:
            view(page, demo)
            page.wait_for_load_state("networkidle")
            path = folder / f"{view.__name__.replace('_', '-')}-{width}-{scheme}.jpg"
            page.screenshot(path=path, type="jpeg", quality=80)
            print(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--only", nargs="+", default=(), metavar="VIEW", help="take these views only")
    arguments = parser.parse_args()
    take_screenshots(arguments.folder, arguments.only)
