"""The examples of whole answers, which OpenAPI shows."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from services import wire
from services.wire.examples import example_of
from services.wire.fields import described, example


class Bulb(msgspec.Struct):
    name: Annotated[str, example("clear", "frosted")]
    watts: Annotated[int, described("Power.", 40)]


class Chandelier(msgspec.Struct):
    name: Annotated[str, example("Marie")]
    bulbs: list[Bulb]
    spare: Bulb | None
    height: float | None
    flags: list[str]
    prices: dict[str, float]
    maker: Annotated[str, example("Acme")] = ""
    note: str | None = None


def test_takes_the_first_example_of_each_field_and_leaves_out_optional_fields_without_one() -> None:
    assert example_of(Chandelier) == {
        "name": "Marie",
        "bulbs": [{"name": "clear", "watts": 40}, {"name": "frosted", "watts": 40}],
        "spare": {"name": "clear", "watts": 40},
        "height": None,
        "flags": [],
        "prices": {},
        "maker": "Acme",
    }


def test_examples_around_a_described_type_replace_its_own() -> None:
    class Lantern(msgspec.Struct):
        bulb: Annotated[Annotated[str, described("The bulb.", "clear")], example("frosted")]

    assert example_of(Lantern) == {"bulb": "frosted"}


@pytest.mark.parametrize(
    "struct",
    [
        wire.BatchAnswer,
        wire.DuplicateGroupPage,
        wire.JobList,
        wire.ListingAnswer,
        wire.ListingsDeleted,
        wire.ListingWritten,
        wire.ModelCard,
        wire.NewListing,
        wire.RecallAnswer,
        wire.SearchAnswer,
        list[wire.Duplicate],
    ],
)
def test_examples_can_be_decoded_into_their_struct(struct: Any) -> None:
    assert msgspec.convert(example_of(struct), struct)
