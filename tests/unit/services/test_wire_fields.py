"""The description of the API's fields, which OpenAPI and the documentation are made from."""

from __future__ import annotations

from math import inf, nan
from typing import Annotated, Literal

import msgspec
import pytest

from services.wire import DuplicateDecision, ListingChange, NewListing, Recommendation, StoredSearch, WholeListing
from services.wire.fields import DescribedField, described, described_fields, out_of_limits


class Lamp(msgspec.Struct):
    name: str
    watts: Annotated[float | None, described("Power.", 40, exclusiveMinimum=0, maximum=100)] = None
    sockets: Annotated[list[str], described("Sockets.", minItems=1)] = []
    colour: Literal["red", "green"] = "red"
    price: str | Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 5})] | None = None
    level: Annotated[int, described("Level.", minimum=1, maximum=3, default=2)] | None = None
    other: Lamp | None = None


def field(name: str) -> DescribedField:
    return next(one for one in described_fields(Lamp) if one.name == name)


@pytest.mark.parametrize(
    ("name", "kind", "limits"),
    [
        ("name", "string", ""),
        ("watts", "number", "above 0, at most 100"),
        ("sockets", "list of string", "at least 1 items"),
        ("colour", "string", "one of `green`, `red`"),
        ("price", "string or integer", "at least 5"),
        ("level", "integer", "1 to 3"),
        ("other", "Lamp", ""),
    ],
)
def test_states_type_and_limits_in_words(name: str, kind: str, limits: str) -> None:
    assert (field(name).type, field(name).limits) == (kind, limits)


def test_states_which_fields_are_required_or_nullable_and_their_defaults() -> None:
    facts = {one.name: (one.required, one.nullable, one.default) for one in described_fields(Lamp)}
    assert facts == {
        "name": (True, False, None),
        "watts": (False, True, None),
        "sockets": (False, False, []),
        "colour": (False, False, "red"),
        "price": (False, True, None),
        "level": (False, True, 2),
        "other": (False, True, None),
    }


def test_keeps_description_and_examples_out_of_the_schema() -> None:
    assert (field("watts").description, field("watts").examples) == ("Power.", (40,))
    assert field("watts").schema == {"type": "number", "exclusiveMinimum": 0, "maximum": 100}


@pytest.mark.parametrize("struct", [StoredSearch, Recommendation, NewListing, DuplicateDecision])
def test_every_field_of_a_request_is_described(struct: type) -> None:
    assert [one.name for one in described_fields(struct) if not one.description] == []


def test_states_how_many_values_a_filter_takes() -> None:
    limits = {one.name: one.limits for one in described_fields(StoredSearch) if one.schema.get("type") == "array"}
    filters = dict.fromkeys(("category", "seller", "exclude_seller", "exclude_listing"), "at most 1000 items")
    assert limits == {**filters, "facets": "at most 10 items"}


def test_a_change_of_a_listing_takes_the_fields_of_a_whole_one() -> None:
    whole = {one.name: (one.schema, one.nullable, one.description) for one in described_fields(WholeListing)}
    assert {one.name: (one.schema, one.nullable, one.description) for one in described_fields(ListingChange)} == whole
    assert not any(one.required for one in described_fields(ListingChange))


@pytest.mark.parametrize(
    ("watts", "is_out"), [(None, False), (0.1, False), (100, False), (0, True), (100.5, True), (nan, True), (inf, True)]
)
def test_finds_numbers_outside_their_limits(watts: float | None, *, is_out: bool) -> None:
    assert [(one.name, str(value)) for one, value in out_of_limits(Lamp(name="a", watts=watts))] == (
        [("watts", str(watts))] if is_out else []
    )


def test_numbers_without_limits_may_not_be_infinite() -> None:
    class Sized(msgspec.Struct):
        side: float

    assert not list(out_of_limits(Sized(-1e9)))
    assert list(out_of_limits(Sized(inf)))
