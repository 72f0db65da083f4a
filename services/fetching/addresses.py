"""The IP addresses that may be fetched from: public ones, and networks that the operator allows.

A server that fetches URLs from clients can be tricked into requests that only it can make: to itself, to its network,
to the cloud's metadata service (server-side request forgery). Host names give no protection, since their owner chooses
the address; so the address is checked, and the checked address is the one that is connected to.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Network: TypeAlias = IPv4Network | IPv6Network

_PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The assigned public part of IPv6 (RFC 4291); without IPv4-mapped, NAT64, local and multicast addresses."""

_NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata service
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("168.63.129.16/32"),  # Azure's metadata service, on a public address
    IPv6Network("2001::/23"),  # protocol assignments; Teredo carries IPv4 addresses
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4 carries IPv4 addresses
    IPv6Network("3fff::/20"),  # documentation
)
"""Networks that are not public although `is_global` of some Python release says so."""


def is_fetchable(address: str, allowed: Sequence[Network]) -> bool:
    """Say whether an address is public or in one of the `allowed` networks.

    Raises:
        ValueError: `address` is not an IP address.
    """
    parsed = ip_address(address)
    return any(parsed in network for network in allowed) or _is_public(parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv6Address):
        return address in _PUBLIC_IPV6 and address.is_global
    return address.is_global and not address.is_multicast and not address.is_reserved
