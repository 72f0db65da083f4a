"""The explanation of an empty result."""

from __future__ import annotations

from dataclasses import fields

from db.vectors.attributes import AttributeCondition
from db.vectors.base import Filter
from services.search.results.no_results import FILTER_FIELDS, filters_without_one


def test_every_field_of_a_filter_but_excluded_listings_can_be_suggested_for_removal() -> None:
    suggested = {field for behind in FILTER_FIELDS.values() for field in behind} | {"attributes"}
    assert suggested == {field.name for field in fields(Filter)} - {"excluded_listing_ids"}


def test_each_condition_is_left_out_alone() -> None:
    brand, size = AttributeCondition("brand", frozenset({"acme"})), AttributeCondition("size", minimum=3.0)
    assert filters_without_one(Filter(sold=False, attributes=frozenset({brand, size}))) == {
        "sold": Filter(attributes=frozenset({brand, size})),
        "attributes.brand": Filter(sold=False, attributes=frozenset({size})),
        "attributes.size": Filter(sold=False, attributes=frozenset({brand})),
    }
