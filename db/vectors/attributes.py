"""Free attributes of listings, such as brand and size: how values are compared, and the conditions of a filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from db.vectors.keys import location_key

AttributeValue: TypeAlias = str | float | bool

Attributes: TypeAlias = tuple[tuple[str, AttributeValue], ...]
"""Names and values, by ascending name. Numbers are floats."""

_LARGEST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """A condition on one attribute. A listing without the attribute never satisfies it.

    Attributes:
        name: of the attribute.
        keys: the value's `attribute_key` must be one of these; empty for any value.
        minimum, maximum: the value must be a number within them, both inclusive; None for no bound.

    Raises:
        ValueError: there are neither keys nor a bound.
    """

    name: str
    keys: frozenset[str] = frozenset()
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        if not self.keys and not self.is_range:
            raise ValueError(f"the condition on {self.name} has neither values nor a bound")

    @property
    def is_range(self) -> bool:
        """Whether it has a bound."""
        return self.minimum is not None or self.maximum is not None

    def matches(self, value: AttributeValue | None) -> bool:
        """Say whether a listing with this value satisfies the condition; None stands for no such attribute."""
        if value is None or (self.keys and attribute_key(value) not in self.keys):
            return False
        if not self.is_range:
            return True
        return (
            not isinstance(value, bool | str)
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
        )


def attribute_key(value: AttributeValue) -> str:
    """Return the text by which values are compared: case-folded, with single spaces.

    Numbers and booleans are compared as their text, because one feed writes 42 and another "42".
    """
    return location_key(value) if isinstance(value, str) else attribute_text(value)


def attribute_text(value: AttributeValue) -> str:
    """Return the value as text: a whole number without a point, a boolean as `true` or `false`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if abs(value) < _LARGEST_EXACT and value == int(value) else repr(value)


def token_of(value: AttributeValue) -> str:
    """Return the value with its type as one text; `value_of` reverses it."""
    kind = "t" if isinstance(value, str) else "b" if isinstance(value, bool) else "n"
    return kind + attribute_text(value)


def value_of(token: str) -> AttributeValue:
    """Return the value of which `token_of` made the token."""
    kind, text = token[0], token[1:]
    return text if kind == "t" else text == "true" if kind == "b" else float(text)


def number_of(token: str) -> float | None:
    """Return the number in a token of `token_of`; None if its value is none."""
    return float(token[1:]) if token.startswith("n") else None
