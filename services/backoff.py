"""How long to pause before what failed is tried again: the one policy of whoever asks another server."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def pause_after(number: int, *, first_s: float, asked_s: float | None = None) -> float:
    """Return the seconds to pause after try `number`, from 1.

    They are what the server asked for, if it did; else anything up to `first_s`, twice as much after each further try,
    by chance, so that those who failed together do not come back together.
    """
    return asked_s or random.uniform(0, first_s * 2 ** (number - 1))  # noqa: S311


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, if it says any; as a date it is not looked at."""
    asked = headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else None
