"""A feed and an empty database to load it into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.ingest.loading.feeds import ShopFeed
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeJpeg


@pytest.fixture
def feed(tmp_path: Path, jpeg: MakeJpeg) -> Iterator[ShopFeed]:
    """Photos p1 to p5; there is no model, so photos stay pending."""
    with resources_in(tmp_path / "data") as resources:
        made = ShopFeed(tmp_path / "feed", resources)
        for number in range(1, 6):
            made.photo(f"p{number}", jpeg(number, width=16, height=16))
        yield made
