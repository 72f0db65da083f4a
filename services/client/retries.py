"""Which calls are tried again, how often, and after how long."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from services import backoff

if TYPE_CHECKING:
    from services.client.calls import Outcome

_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

_OURS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.PoolTimeout)
"""Faults of this side: the server has not been asked."""


@dataclass(frozen=True, slots=True)
class Retries:
    """Calls that may be repeated are, where no whole answer came, or a 429 or 503.

    Attributes:
        tries: how often a call is made at most; 1 for never again.
        pause_s: before the second try at most, twice as long before each further one. `Retry-After` goes before it.
        longest_s: where the server asks for a longer pause, the call fails at once, and its error says how long.
    """

    tries: int = 3
    pause_s: float = 0.5
    longest_s: float = 30.0

    def pause_after(self, number: int, outcome: Outcome) -> float | None:
        """Return the seconds to pause after try `number`, from 1; None where it was the last one."""
        asked = None
        if isinstance(outcome, httpx.Response):
            if outcome.status_code not in _BUSY:
                return None
            asked = backoff.retry_after_s(outcome.headers)
        elif not isinstance(outcome, httpx.TransportError) or isinstance(outcome, _OURS):
            return None
        pause = backoff.pause_after(number, first_s=self.pause_s, asked_s=asked)
        return pause if number < self.tries and pause <= self.longest_s else None
