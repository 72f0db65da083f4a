"""The explanation of an empty result."""

from __future__ import annotations

from dataclasses import fields

from db.vectors.base import Filter
from services.search.results.no_results import FILTER_FIELDS


def test_every_field_of_a_filter_but_excluded_listings_can_be_suggested_for_removal() -> None:
    suggested = {field for behind in FILTER_FIELDS.values() for field in behind}
    assert suggested == {field.name for field in fields(Filter)} - {"excluded_listing_ids"}
