"""The address that a server listens on: who may reach it without a key, and which settings serve it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from db.rows.access import keys
from services.cli.terminal.resources import open_resources, read_settings
from services.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.resources import Resources


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A host name or IP address of this machine, and a port; `0.0.0.0` and `::` are all addresses."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL for a browser on this machine."""
        try:
            address = ip_address(self.host)
        except ValueError:  # a name
            return f"http://{self.host}:{self.port}"
        if address.is_unspecified:
            return f"http://127.0.0.1:{self.port}"
        return f"http://[{address}]:{self.port}" if address.version == 6 else f"http://{address}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


@contextmanager
def open_served(address: ListenAddress, **overrides: Any) -> Iterator[Resources]:
    """Open the resources of a server that also answers to the host name in `address`.

    `overrides` are settings that take precedence over the environment.
    """
    settings = read_settings(**overrides)
    served = settings.model_copy(update={"allowed_hosts": (*settings.allowed_hosts, address.host)})
    with open_resources(served, create=True) as resources:
        yield resources


def check_open_to(resources: Resources, address: ListenAddress) -> None:
    """Refuse to serve other machines without an API key.

    Raises:
        BadInput: other machines reach the address, no key exists, and LOOKALIKE_ALLOW_ANYONE is not set.
    """
    with resources.database.read() as session:
        if not keys.any_key(session):
            check_closed(address, allow_anyone=resources.settings.allow_anyone)


def check_closed(address: ListenAddress, *, allow_anyone: bool) -> None:
    """Refuse an address that other machines reach, where no API key exists; see `check_open_to`."""
    if not address.is_loopback and not allow_anyone:
        raise BadInput(
            f"--host {address.host}: without an API key, everyone who reaches this address could read and change "
            "all. Create a key with `lookalike keys create --role admin`, or set LOOKALIKE_ALLOW_ANYONE=true."
        )
