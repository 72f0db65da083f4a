"""Cleans free attributes of listings, such as brand and size. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, decode_entities
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_LIMIT = 40
"""Characters of an attribute's name, at most."""

VALUE_LIMIT = 200
"""Characters of an attribute's text, at most."""

MOST_ATTRIBUTES = 50
"""Attributes of a listing, at most."""

_LATIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})

_NAME = re.compile(rf"[a-z0-9][a-z0-9_]{{0,{NAME_LIMIT - 1}}}")

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
"""A plain number that a float keeps; ids, bar codes and sizes such as `007` stay text."""


def clean_attributes(
    raw: Mapping[str, str | float | bool],
) -> tuple[dict[str, str | float | bool], list[Repair]]:
    """Return the attributes by clean name, typed by their values, and what was left out.

    A name is lower_snake and at most 40 characters: `Frame Colour` is `frame_colour`. Text of a plain number is a
    number, `true` and `false` are booleans; other text has at most 200 characters. Blank values are no attributes.
    """
    clean: dict[str, str | float | bool] = {}
    repairs = []
    for raw_name, raw_value in raw.items():
        name, value = attribute_name(raw_name), attribute_value(raw_value)
        if value == "" or (name in clean and clean[name] == value):
            continue
        if not name or value is None or name in clean or len(clean) == MOST_ATTRIBUTES:
            repairs.append(Repair(ListingFlag.ATTRIBUTE_LEFT_OUT, clean_line(raw_name), str(raw_value)))
            continue
        clean[name] = value
    return clean, repairs


def are_clean_attributes(attributes: Mapping[str, object]) -> bool:
    """Say whether these can be stored: what `clean_attributes` returns always can."""
    return len(attributes) <= MOST_ATTRIBUTES and all(
        isinstance(name, str) and _NAME.fullmatch(name) and _is_clean_value(value) for name, value in attributes.items()
    )


def _is_clean_value(value: object) -> bool:
    if isinstance(value, str):
        return value == clean_line(value) != "" and len(value) <= VALUE_LIMIT
    return isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value))


def attribute_name(text: str) -> str:
    """Return the name in lower_snake; empty if it has other letters than Latin ones, or is too long."""
    decomposed = unicodedata.normalize("NFKD", decode_entities(text))  # before case-folding: ᴬ becomes A
    folded = unicodedata.normalize("NFKD", decomposed.casefold().translate(_LATIN))
    letters = "".join(letter for letter in folded if not unicodedata.combining(letter))
    name = re.sub(r"[\W_]+", "_", letters).strip("_")
    return name if name.isascii() and len(name) <= NAME_LIMIT else ""


def attribute_value(value: str | float | bool) -> str | float | bool | None:
    """Return the value in its type; None if a text is too long or a number is not finite."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    text = clean_line(decode_entities(value))
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    if _NUMBER.fullmatch(text):
        return float(text) or 0.0
    return text if len(text) <= VALUE_LIMIT else None
