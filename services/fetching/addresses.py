"""Which network addresses may be asked for what a client names: public ones, and those that the operator allows.

A server that fetches what it is told to can be made to ask what only it can reach: itself, its neighbours, the cloud's
metadata service (server-side request forgery). A name is no protection, since whoever owns it decides where it leads;
so the address is looked at, and the one that was looked at is the one that is asked.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Network: TypeAlias = IPv4Network | IPv6Network

_PUBLIC_IPV6 = IPv6Network("2000::/3")
"""All that is given out of IPv6 (RFC 4291). IPv4-mapped, NAT64, local and multicast addresses lie outside."""

_NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata service
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("168.63.129.16/32"),  # Azure's metadata service: a public address that leads inside
    IPv6Network("2001::/23"),  # protocol assignments; Teredo carries IPv4 addresses
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4 carries IPv4 addresses
    IPv6Network("3fff::/20"),  # documentation
)
"""What Python's `is_global` takes for public, or did in some release, and is not."""


def may_be_asked(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Say whether an address is public, or lies in one of the `allowed` networks.

    Raises:
        ValueError: it is not an IP address.
    """
    found = ip_address(address)
    return any(found in network for network in allowed) or _is_public(found)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv6Address):
        return address in _PUBLIC_IPV6 and address.is_global
    return address.is_global and not address.is_multicast and not address.is_reserved
