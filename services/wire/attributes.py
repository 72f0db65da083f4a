"""Attributes in requests and answers: values, conditions, and the texts that stand for conditions in URLs and forms."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from services.wire.fields import described, example

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_ATTRIBUTE_FILTERS = 8
"""Attributes in one filter, at most."""

MAX_ATTRIBUTE_VALUES = 20
"""Values of one attribute in a filter, at most."""

MAX_ATTRIBUTES = 50
"""Attributes of a listing, at most."""

ATTRIBUTE_NAME_LIMIT = 40
"""Characters in an attribute's name, at most."""

ATTRIBUTE_VALUE_LIMIT = 200
"""Characters in an attribute's text, at most."""

_NAME = f"[A-Za-z0-9_]{{1,{ATTRIBUTE_NAME_LIMIT}}}"

NAME_PATTERN = f"^{_NAME}$"

CONDITION_PATTERN = rf"^\s*{_NAME}\s*:.*\S"

Name = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": NAME_PATTERN})]

AttributeValue: TypeAlias = str | float | bool


class NumberRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Numbers from `min` to `max`, both inclusive. Set at least one."""

    min: float | None = None
    max: float | None = None


_Values = Annotated[
    list[AttributeValue], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_ATTRIBUTE_VALUES})
]
AttributeFilter: TypeAlias = AttributeValue | _Values | NumberRange


class FacetCount(msgspec.Struct, omit_defaults=True):
    """A value, and how many photos and listings have it."""

    value: Annotated[
        AttributeValue, described("Of several spellings of a text, the most frequent one.", "Acme", "Bolt")
    ]
    photos: Annotated[int, example(412, 97)]
    listings: Annotated[int | None, described("Absent if only Qdrant is open, which counts photos.", 310, 88)] = None


class FacetAnswer(msgspec.Struct, omit_defaults=True):
    """The values of one field among the photos that pass the filter."""

    values: Annotated[list[FacetCount], described("At most 50; most photos first.")]
    photos: Annotated[int, described("Photos that have any value; one in several categories counts in each.", 517)]
    listings: Annotated[int | None, described("Listings that have any value; counted like `photos`.", 405)] = None
    more: Annotated[int, described("Number of further values, which are left out.", 8)] = 0
    min: Annotated[float | None, described("Smallest number among all values; absent if none is a number.")] = None
    max: Annotated[float | None, described("Largest number among all values.")] = None


_RANGE = re.compile(r"(?P<low>-?\d+(?:\.\d+)?)?\.\.(?P<high>-?\d+(?:\.\d+)?)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def parse_condition_texts(texts: Sequence[str]) -> dict[str, AttributeFilter]:
    """Parse texts such as `brand:Acme`, `size:3..5`, `boxed:true` and `code:"3..5"`; equal names add up to any of.

    Raises:
        ValueError: a text has no name, or an attribute has a range and something else.
    """
    parsed: dict[str, AttributeFilter] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not (colon and name.strip() and value.strip()):
            raise ValueError(f"{text!r} is not an attribute with a value; write it as brand:Acme or size:3..5")
        name, condition = name.strip(), _parsed(value.strip())
        earlier = parsed.get(name)
        if earlier is None:
            parsed[name] = condition
        elif isinstance(earlier, list) and isinstance(condition, list):
            earlier += condition
        else:
            raise ValueError(f"{name} has a range and other values; send one range or several values")
    return parsed


def _parsed(text: str) -> NumberRange | list[AttributeValue]:
    found = _RANGE.fullmatch(text)
    if found and (found["low"] or found["high"]):
        low, high = (None if end is None else float(end) for end in (found["low"], found["high"]))
        return NumberRange(low, high)
    if len(text) > 2 and text[0] == text[-1] == '"':
        return [text[1:-1]]
    return [text, float(text)] if _NUMBER.fullmatch(text) else [text]


def condition_texts(filters: Mapping[str, AttributeFilter]) -> list[str]:
    """Return the texts from which `parse_condition_texts` makes conditions that match the same."""
    return [f"{name}:{text}" for name, condition in filters.items() for text in _texts(condition)]


def _texts(condition: AttributeFilter) -> list[str]:
    if isinstance(condition, NumberRange):
        return [f"{_bound(condition.min)}..{_bound(condition.max)}"]
    return [_value_text(value) for value in (condition if isinstance(condition, list) else [condition])]


def _bound(bound: float | None) -> str:
    return "" if bound is None else _number_text(bound)


def _number_text(number: float) -> str:
    """Return the number without an exponent, which the texts of conditions do not have.

    Raises:
        ValueError: the number is not finite.
    """
    if not isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    text = f"{number:f}" if float(f"{number:f}") == number else f"{number:.20f}"
    return text.rstrip("0").rstrip(".")


def _value_text(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return _number_text(value)
    is_quoted = len(value) > 2 and value[0] == value[-1] == '"'
    looks_like_number = _RANGE.fullmatch(value.strip()) or _NUMBER.fullmatch(value.strip())
    return f'"{value}"' if is_quoted or looks_like_number else value
