"""A listings file in Windows-1252 gets one warning for each record, and one notice that says how to tell so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.feeds.columns import Columns
from tests.unit.services.ingest.feeds.listing_files import HEADER

if TYPE_CHECKING:
    from tests.integration.ingest.loading.feeds import Loaded, ShopFeed


def load(feed: ShopFeed, count: int) -> Loaded:
    rows = [f"L-{number},Café table,Home,crème,£5.00,Leeds\n" for number in range(count)]
    path = feed.folder / "western.csv"
    path.write_bytes((HEADER + "".join(rows)).encode("cp1252"))
    return feed.load_file(path, Columns())


def test_each_record_has_one_warning_and_the_file_a_notice_with_the_encoding(feed: ShopFeed) -> None:
    notice, *warnings = sorted(load(feed, 20).warnings, key=lambda warning: warning.line)
    assert (notice.line, notice.record_id, notice.flag, notice.before) == (0, "", "not_utf8", "20 records")
    assert 'encoding = "cp1252"' in notice.after
    assert [(one.line, one.field) for one in warnings] == [
        (line, "product_name, product_description, price") for line in range(2, 22)
    ]


def test_a_few_records_get_no_notice(feed: ShopFeed) -> None:
    assert [warning.line for warning in load(feed, 2).warnings] == [2, 3]
