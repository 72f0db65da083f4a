"""Limits on calls with wrong keys, by address and key id."""

from __future__ import annotations

import time
from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litestar.types import Scope

_PER_KEY, _PER_ADDRESS = 20, 200
"""Wrong keys per minute from one address: with one key id, and in all. A key typed wrong comes a few times."""

_REMEMBERED = 20_000
"""Counters that one minute may have; beyond them counting starts again."""


def address_of(scope: Scope) -> str:
    """Return the caller's address; empty if the server does not know it."""
    client = scope.get("client")
    return str(client[0])[:64] if client else ""


class FailureLimits:
    """Counts wrong keys in the present minute.

    A correct key is never counted, and refused only until it is known: see `KeyRing`.
    """

    def __init__(self) -> None:
        self._minute, self._counts = 0, Counter[tuple[str, str]]()

    @property
    def seconds_left(self) -> float:
        """Seconds until the next minute begins."""
        return 60 - time.time() % 60

    def count(self, address: str, key_id: str) -> None:
        """Count a wrong key."""
        self._start_new_minute()
        network = _network_of(address)
        self._counts[network, ""] += 1
        if self._counts[network, ""] <= _PER_ADDRESS:  # so that one address fills little memory
            self._counts[network, key_id] += 1

    def are_exceeded(self, address: str, key_id: str) -> bool:
        """Say whether this address has sent too many wrong keys, with this id or in all."""
        self._start_new_minute()
        network = _network_of(address)
        return self._counts[network, key_id] >= _PER_KEY or self._counts[network, ""] >= _PER_ADDRESS

    def _start_new_minute(self) -> None:
        minute = _present_minute()
        if minute != self._minute or len(self._counts) > _REMEMBERED:
            self._minute, self._counts = minute, Counter()


def _present_minute() -> int:
    return int(time.time() // 60)


def _network_of(address: str) -> str:
    """Return the address, or its /64 in IPv6: one subscriber usually has all addresses of a /64."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
