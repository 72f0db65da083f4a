"""The texts that cannot import `TABLE_FORMATS` list the same formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ingest.tables.formats import TABLE_FORMATS

ROOT = Path(__file__).parents[2]
TEXTS = (
    "README.md",
    "docs/your-data.md",
    "services/client/ingest_calls.py",
    "services/search/page/assets/admin/upload.js",
)


@pytest.mark.parametrize("name", TEXTS)
def test_lists_the_table_formats_as_they_are_read(name: str) -> None:
    words = " ".join((ROOT / name).read_text(encoding="utf-8").replace("`", "").split())
    assert TABLE_FORMATS.partition(";")[0] in words
