"""What was changed in a record that is accepted nevertheless."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Repair(NamedTuple):
    """One thing that was repaired, guessed or left out in an accepted record.

    Attributes:
        flag: a code of `ListingFlag`.
        field: the field of the listing, or the column of the file; empty if the whole record is concerned.
        before: the text as it stands in the file.
        after: the value that was taken; empty if none was.
    """

    flag: str
    field: str = ""
    before: str = ""
    after: str = ""


def flags_of(repairs: Iterable[Repair]) -> tuple[str, ...]:
    """Return the codes of the repairs, each once."""
    return tuple(dict.fromkeys(repair.flag for repair in repairs))
