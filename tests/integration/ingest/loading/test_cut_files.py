"""A sync of a file that is cut off inside its last cell removes nothing; one that only lacks a line end does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.rows import jobs, listings
from db.rows.listings import ListingConditions
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.pipeline.ingest_job import create_ingest_job, load_files
from services.ingest.pipeline.progress import silent

if TYPE_CHECKING:
    from tests.integration.ingest.loading.feeds import ShopFeed

NUMBERS = range(1, 10)


def sync(feed: ShopFeed, header: str, content: str | bytes, columns: Columns | None = None) -> list[str]:
    """Sync a file without photos; return the flags of the job."""
    path = feed.folder / "shop.csv"
    path.write_bytes(header.encode() + (content if isinstance(content, bytes) else content.encode()))
    options = IngestOptions(columns or Columns(listings=ListingColumns()), sync=True, max_removed=0.5)
    inputs = IngestInputs(path, options=options)
    job_id = create_ingest_job(feed.resources, inputs)
    load_files(feed.resources, job_id, inputs, silent)
    with feed.resources.database.read() as session:
        return [one.flag for one in jobs.warnings_of(session, job_id)]


def stored(feed: ShopFeed) -> int:
    with feed.resources.database.read() as session:
        return len(listings.matching_ids(session, ListingConditions()))


HEADER = "id,product_name,category,product_description,price,location,{}\n"
CITIES = ("York", "Leeds", "Bath")
LAST_CELLS = {
    "listed_at": ([f"2024-01-{number:02}" for number in NUMBERS], ["2024-01-0", "2024", "", "2024-"]),
    "url": (
        [f"https://shop.example/items/{number}.html" for number in NUMBERS],
        ["https://shop.example/items/8", "https:", ""],
    ),
    "seller": ([CITIES[number % 3] for number in NUMBERS], ["Ba", "L", ""]),
}


@pytest.mark.parametrize(("column", "cut"), [(name, cut) for name, (_, cuts) in LAST_CELLS.items() for cut in cuts])
def test_a_sync_of_a_file_cut_inside_its_last_cell_removes_nothing(feed: ShopFeed, column: str, cut: str) -> None:
    rows = [f"P{number},Chair,Home,,£1,U,{LAST_CELLS[column][0][number - 1]}\n" for number in NUMBERS]
    sync(feed, HEADER.format(column), "".join(rows))
    flags = sync(feed, HEADER.format(column), "".join(rows[:7]) + f"P8,Chair,Home,,£1,U,{cut}")
    assert (stored(feed), flags[0], flags[-1]) == (len(rows), "cut_off", "nothing_removed")


@pytest.mark.parametrize("column", LAST_CELLS)
def test_a_sync_of_a_file_without_a_last_line_end_removes_as_usual(feed: ShopFeed, column: str) -> None:
    rows = [f"P{number},Chair,Home,,£1,U,{LAST_CELLS[column][0][number - 1]}\n" for number in NUMBERS]
    sync(feed, HEADER.format(column), "".join(rows))
    flags = sync(feed, HEADER.format(column), "".join(rows[:8]).rstrip("\n"))
    assert (stored(feed), flags) == (len(rows) - 1, ["no_line_end", "removed"])


PRICED = "id,product_name,category,product_description,location,price\n"


@pytest.mark.parametrize(
    ("row", "end"),
    [
        ("P{},Chair,Home,,U,12.50 EUR\n", "12.50 E"),
        ("P{},Chair,Home,,U,£12.50\n", "£12.5"),
        ("P{},Chair,Home,,U,£12.50\n", "£"),
        ("P{},Chair,Home,,U,£12.50\r\n", "£12.50\r"),
        ("P{},Chair,Home,,U,£12.50\n", b"\xc2"),
        ('P{},Chair,Home,,U,"£12.50"\n', '"£12.50'),
    ],
)
def test_a_price_in_the_last_column_shows_that_it_is_cut(feed: ShopFeed, row: str, end: str | bytes) -> None:
    rows = [row.format(number).encode() for number in NUMBERS]
    sync(feed, PRICED, b"".join(rows))
    cut = end if isinstance(end, bytes) else end.encode()
    flags = sync(feed, PRICED, b"".join(rows[:7]) + b"P8,Chair,Home,,U," + cut)
    assert (stored(feed), flags[-1]) == (len(rows), "nothing_removed")


def test_a_file_that_ends_with_a_whole_block_and_no_line_end_is_cut(feed: ShopFeed) -> None:
    rows = "".join(f"P{number},Chair,Home,{'x' * 1000},£1,York\n" for number in NUMBERS)
    header = "id,product_name,category,product_description,price,location\n"
    sync(feed, header, rows)
    start = header + rows[: -3 * 1019]
    end = f"P8,Chair,Home,{'x' * 1000},£1,"
    place = "Y" * (2 * 4096 - len(start) - len(end))
    assert sync(feed, header, start[len(header) :] + end + place)[-1] == "nothing_removed"
    assert stored(feed) == len(NUMBERS)


@pytest.mark.parametrize(
    ("column", "whole", "cut"),
    [
        ("product_description", "Solid oak with a few scratches", "Solid oak"),
        ("location", "Nether Wallop", "Nether"),
        ("price", "£1250.00", "£125"),
        ("category", "Home / Tables", "Home"),
        ("brand", "Vitra", "Vi"),
        ("brand", "Vitra", ""),
    ],
)
def test_a_last_record_that_is_stored_with_a_longer_last_cell_is_cut(
    feed: ShopFeed, column: str, whole: str, cut: str
) -> None:
    cells = {"product_name": "Chair", "category": "Home", "product_description": "", "price": "£1", "location": ""}
    names = ["id", *(name for name in cells if name != column), column]
    columns = Columns(ListingColumns(), attributes={"brand": "brand"} if column == "brand" else {})

    def rows(last: int, end: str) -> str:
        before = [f"P{number}," + ",".join(cells[name] for name in names[1:-1]) for number in range(1, last + 1)]
        return f",{whole}\n".join(before) + f",{end}"

    header = ",".join(names) + "\n"
    sync(feed, header, rows(9, whole) + "\n", columns)
    sync(feed, header, rows(8, whole), columns)
    assert stored(feed) == 8
    assert sync(feed, header, rows(7, cut), columns)[-1] == "nothing_removed"
    assert stored(feed) == 8
