"""Cleans free attributes of listings, such as brand and size. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import clean_line, decode_entities
from services.reason_codes import ListingFlag
from services.wire.attributes import ATTRIBUTE_NAME_LIMIT, ATTRIBUTE_VALUE_LIMIT, MAX_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.vectors.attributes import AttributeValue

WELL_KNOWN = {
    "brand": ("brand", "vendor", "manufacturer", "marke", "marque"),
    "condition": ("condition", "zustand", "etat"),
    "size": ("size", "groesse", "größe", "taille"),
    "colour": ("colour", "color", "farbe", "couleur"),
    "material": ("material", "materials"),
    "gender": ("gender", "geschlecht"),
}
"""Names of attributes that many feeds have, and the keys of columns with them, the likeliest first."""

_SYNONYMS = {
    "color": "colour",
    "farbe": "colour",
    "couleur": "colour",
    "marke": "brand",
    "marque": "brand",
    "zustand": "condition",
    "etat": "condition",
    "groesse": "size",
    "grosse": "size",
    "taille": "size",
    "geschlecht": "gender",
}
"""Names that feeds give to well-known attributes, and ours."""

_LATIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})

_NAME = re.compile(rf"[a-z0-9][a-z0-9_]{{0,{ATTRIBUTE_NAME_LIMIT - 1}}}")

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
"""A plain number that a float keeps; ids, bar codes and sizes such as `007` stay text."""

_OPEN_NUMBER = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
"""A number whose dot may as well group thousands: `1.299` stays text."""

_DECIMAL_COMMA = re.compile(r"-?(?:(?:0|[1-9][0-9]{0,14}),[0-9]|0,[0-9]{1,15})")
"""A number with a decimal comma; `38,40` may be two sizes, and `1,299` may be grouped, so they stay text."""


def clean_attributes(
    raw: Mapping[str, AttributeValue],
) -> tuple[dict[str, AttributeValue], list[Repair]]:
    """Return the attributes by clean name, typed by their values, and what was left out.

    Names become lower_snake: `Frame Colour` is `frame_colour`. Text of a plain number is a number, `true` and `false`
    are booleans. Too long names and texts are left out; blank values are no attributes.
    """
    clean: dict[str, AttributeValue] = {}
    repairs = []
    for raw_name, raw_value in raw.items():
        name, value = attribute_name(raw_name), attribute_value(raw_value)
        if value == "" or (name in clean and clean[name] == value):
            continue
        if not name or value is None or name in clean or len(clean) == MAX_ATTRIBUTES:
            repairs.append(Repair(ListingFlag.ATTRIBUTE_LEFT_OUT, clean_line(raw_name), str(raw_value)))
            continue
        clean[name] = value
    return clean, repairs


def are_clean_attributes(attributes: Mapping[str, object]) -> bool:
    """Say whether these can be stored: what `clean_attributes` returns always can."""
    return len(attributes) <= MAX_ATTRIBUTES and all(
        isinstance(name, str) and _NAME.fullmatch(name) and _is_clean_value(value) for name, value in attributes.items()
    )


def _is_clean_value(value: object) -> bool:
    if isinstance(value, str):
        return value == clean_line(value) != "" and len(value) <= ATTRIBUTE_VALUE_LIMIT
    return isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value))


def attribute_name(text: str) -> str:
    """Return the name in lower_snake; empty if it has other letters than Latin ones, or is too long."""
    decomposed = unicodedata.normalize("NFKD", decode_entities(text))  # before case-folding: ᴬ becomes A
    folded = unicodedata.normalize("NFKD", decomposed.casefold().translate(_LATIN))
    letters = "".join(letter for letter in folded if not unicodedata.combining(letter))
    name = re.sub(r"[\W_]+", "_", letters).strip("_")
    return name if name.isascii() and len(name) <= ATTRIBUTE_NAME_LIMIT else ""


def well_known_name(text: str) -> str:
    """Return our name of a well-known attribute, such as `colour` for `Color`; of others the text itself."""
    name = attribute_name(text)
    return name if name in WELL_KNOWN else _SYNONYMS.get(name, text)


def attribute_value(value: AttributeValue) -> AttributeValue | None:
    """Return the value in its type; None if a text is too long or a number is not finite."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    text = clean_line(decode_entities(value))
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    if _DECIMAL_COMMA.fullmatch(text) or (_NUMBER.fullmatch(text) and not _OPEN_NUMBER.fullmatch(text)):
        return float(text.replace(",", ".")) or 0.0
    return text if len(text) <= ATTRIBUTE_VALUE_LIMIT else None
