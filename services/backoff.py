"""Pauses before a failed request to another server is retried."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def retry_pause(attempt: int, *, first_s: float, retry_after_s: float | None) -> float:
    """Return the seconds to pause after attempt `attempt`, counted from 1.

    This is `retry_after_s` if the server sent one. Otherwise it is random, up to `first_s` and doubling with each
    attempt, so that clients that failed together do not retry together.
    """
    return retry_after_s or random.uniform(0, first_s * 2 ** (attempt - 1))  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After` header, which may state seconds or a date; None without a valid one."""
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, until.timestamp() - time.time())
