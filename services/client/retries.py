"""The client's retry policy."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from services import backoff

if TYPE_CHECKING:
    from services.client.calls import Outcome

_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

_NEVER_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.PoolTimeout)
"""Transport errors on this side: the server never got the request, and a retry would not help."""


@dataclass(frozen=True, slots=True)
class Retries:
    """The retry policy: repeatable calls are retried after a 429 or 503, or without a complete answer.

    Attributes:
        tries: maximum number of attempts; 1 turns retries off.
        pause_s: longest pause before the second attempt; it doubles with each further attempt. `Retry-After` wins.
        longest_s: if the server asks for a longer pause, the call fails at once, and its error has that pause.
    """

    tries: int = 3
    pause_s: float = 0.5
    longest_s: float = 30.0

    def pause_after(self, attempt: int, outcome: Outcome) -> float | None:
        """Return the seconds to pause after attempt `attempt`, counted from 1; None to give up."""
        retry_after_s = None
        if isinstance(outcome, httpx.Response):
            if outcome.status_code not in _BUSY:
                return None
            retry_after_s = backoff.retry_after(outcome.headers)
        elif not isinstance(outcome, httpx.TransportError) or isinstance(outcome, _NEVER_SENT):
            return None
        pause = backoff.retry_pause(attempt, first_s=self.pause_s, retry_after_s=retry_after_s)
        return pause if attempt < self.tries and pause <= self.longest_s else None
