"""The attributes of listings as Qdrant stores, indexes and counts them.

`attributes.NAME` holds two texts: `k` and the value's key, which filters compare, and its token, which facets count.
`numbers.NAME` holds a number, for ranges. The fields of a name are indexed when its first value is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from db.vectors.attributes import attribute_key, token_of, value_of
from db.vectors.facets import LISTING_FACETS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from db.vectors.attributes import Attributes
    from db.vectors.base import Payload

Kind: TypeAlias = Literal["keyword", "float"]

VALUES, _NUMBERS = "attributes", "numbers"
KEY_MARK = "k"

MAX_INDEXED = 200
"""Fields of attributes that get an index, at most; each takes files and memory in every segment. Filters by other
fields read every payload, 0.3 s for 100,000 photos in Edge."""


def value_field(name: str) -> str:
    return f"{VALUES}.{name}"


def number_field(name: str) -> str:
    return f"{_NUMBERS}.{name}"


def key_value(key: str) -> str:
    """Return the text in `attributes.NAME` for a value's key (see `attribute_key`)."""
    return KEY_MARK + key


def attribute_fields(attributes: Attributes) -> dict[str, dict[str, list[str]] | dict[str, float]]:
    """Return the payload fields of a listing's attributes."""
    values = {name: [key_value(attribute_key(value)), token_of(value)] for name, value in attributes}
    numbers = {name: value for name, value in attributes if not isinstance(value, str | bool)}
    return {VALUES: values, _NUMBERS: numbers} if numbers else {VALUES: values} if values else {}


def attributes_of(fields: Mapping[str, Any]) -> Attributes:
    """Return the attributes of which `attribute_fields` made these payload fields."""
    stored = fields.get(VALUES) or {}
    return tuple((name, value_of(stored[name][1])) for name in sorted(stored))


class AttributeIndexes:
    """The fields of attributes that have an index in one collection. Another process may add some: that is harmless."""

    def __init__(self, indexed: Collection[str]) -> None:
        """Take the indexed fields of the collection; fields that are not of attributes are ignored."""
        prefixes = (value_field(""), number_field(""))
        self._indexed = {field for field in indexed if field.startswith(prefixes)}

    def add(self, payloads: Iterable[Payload], create: Callable[[str, Kind], object]) -> None:
        """Create an index for each field that the payloads bring, as long as there are fewer than `MAX_INDEXED`."""
        for payload in payloads:
            for name, value in payload.attributes:
                self._ensure(value_field(name), "keyword", create)
                if not isinstance(value, str | bool):
                    self._ensure(number_field(name), "float", create)

    def names(self) -> list[str]:
        """Return the names of the attributes whose values are indexed, ascending."""
        prefix = value_field("")
        return sorted(field.removeprefix(prefix) for field in self._indexed if field.startswith(prefix))

    def is_counted(self, field: str) -> bool:
        """Say whether the engine can count the values of a field."""
        return field in LISTING_FACETS or field in self._indexed

    @property
    def is_complete(self) -> bool:
        """Whether every attribute of the collection has its indexes."""
        return len(self._indexed) < MAX_INDEXED

    def _ensure(self, field: str, kind: Kind, create: Callable[[str, Kind], object]) -> None:
        if field not in self._indexed and not self.is_complete:
            return
        if field not in self._indexed:
            create(field, kind)
            self._indexed.add(field)
