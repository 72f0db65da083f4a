"""The host names that a server answers to.

An attacker's page reaches a local server under the attacker's name if that name resolves to 127.0.0.1 (DNS rebinding).
For the browser both are then one site, so only the Host header tells them apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>\d{0,5}))?", re.ASCII)
_LARGEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and its port, as a Host header or a URL names them.

    Attributes:
        host: lower-case, without a trailing dot; an IP address in its shortest form, without brackets.
        port: None if it is the scheme's default.
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Authority | None:
        """Read `host`, `host:port` or `[IPv6]:port`; None for anything else, such as a text with a user name."""
        found = _AUTHORITY.fullmatch(text)
        if found is None:
            return None
        port = int(found["port"]) if found["port"] else None
        host = normal_host(found["host"])
        return None if host is None or (port or 0) > _LARGEST_PORT else cls(host, port)


def normal_host(name: str) -> str | None:
    """Return a host name or IP address (IPv6 with or without brackets) in its normal form; None if it is neither."""
    bare = name.lower().removesuffix(".")
    if bare.startswith("[") or ":" in bare:
        try:
            address = IPv6Address(bare.removeprefix("[").removesuffix("]"))
        except ValueError:
            return None
        return str(address.ipv4_mapped or address)
    return bare if bare and not bare.startswith(".") and ".." not in bare else None


class KnownHosts:
    """Loopback names, and those that the settings allow: `*.shop.example` is every name below it, `*` every name."""

    def __init__(self, names: Iterable[str]) -> None:
        lower = [name.lower() for name in names]
        self._every = "*" in lower
        self._exact = {"localhost", *(normal_host(name) for name in lower)}
        self._below = tuple(name[1:] for name in lower if name.startswith("*."))

    def include(self, host: str, *, own_address: str) -> bool:
        """Say whether the server answers to `host`, in its normal form; `own_address` is where the request arrived."""
        return (
            self._every
            or host in self._exact
            or host == normal_host(own_address)
            or host.endswith(self._below)
            or _is_loopback(host)
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False
