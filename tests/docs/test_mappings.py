"""The mappings that the docs show are valid, and the first one reads the file that it is shown for."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.ingest.feeds.mapping_files import parse_columns
from services.ingest.loading.inputs import IngestOptions
from services.ingest.loading.preview import preview
from tests.docs.pages import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

_YOUR_DATA = ROOT / "docs" / "your-data.md"


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("toml", [block for page in PAGES for block in _blocks(page, "toml")])
def test_every_mapping_in_the_docs_is_valid(toml: str) -> None:
    parse_columns(toml.encode(), source="the page")


def test_the_first_mapping_reads_the_file_that_it_is_shown_for(tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(_blocks(_YOUR_DATA, "csv")[0], encoding="utf-8")
    columns = parse_columns(_blocks(_YOUR_DATA, "toml")[0].encode(), source=feed)
    table, lamp = preview(feed, IngestOptions(columns)).records
    assert (table.outcome, lamp.outcome) == ("accepted", "accepted")
    assert (len(table.photos), len(lamp.photos)) == (2, 1)
    assert table.record is not None
    assert (table.record.price, table.record.url) == (Decimal("120.00"), "https://shop.example/a-1")


def test_the_long_mapping_shows_several_columns_and_attributes() -> None:
    columns = parse_columns(_blocks(_YOUR_DATA, "toml")[1].encode(), source="the page")
    assert columns.names_of("price") == ("sale_price", "price")
    assert columns.attributes == {"brand": "Brand", "colour": "Farbe"}
