"""Reads result pages in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.search.results.paging import ResultPage


def listing_ids(page: ResultPage) -> list[str]:
    return [result.photo.listing.id for result in page.results]
