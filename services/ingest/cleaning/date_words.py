"""Names of months, weekdays and time zones in dates. Month and day names are babel's."""

from __future__ import annotations

from functools import cache

from babel.dates import get_day_names, get_month_names

_LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "da",
    "nb",
    "fi",
    "cs",
    "hu",
    "ro",
    "ru",
    "uk",
    "tr",
)
"""No month name of these languages is another month in another one of them; Croatian, for one, has such names."""

ZONES = {"est": -5, "edt": -4, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2}
"""Hours that a zone is ahead of UTC. CST, IST and BST are missing: each is the name of several zones."""


@cache
def months() -> dict[str, int]:
    """Return the month, 1 to 12, by its case-folded name or abbreviation without a dot."""
    names = (
        get_month_names(width, context, language)
        for language in _LANGUAGES
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
    )
    return {_key(name): month for of_language in names for month, name in of_language.items()} | {"sept": 9}


@cache
def weekdays() -> dict[str, frozenset[int]]:
    """Return the weekdays, 0 for Monday, by case-folded name or abbreviation; some abbreviations have two meanings."""
    found: dict[str, frozenset[int]] = {}
    for language in _LANGUAGES:
        for width in ("wide", "abbreviated"):
            for day, name in get_day_names(width, "format", language).items():
                found[_key(name)] = found.get(_key(name), frozenset()) | {day}
    return found


def _key(name: str) -> str:
    return name.casefold().rstrip(".")
