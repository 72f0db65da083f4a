"""The address that a server listens on: who may reach it without a key, and which settings serve it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from db.rows.access import keys
from services.cli.terminal.resources import is_new, open_resources
from services.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.resources import Resources
    from services.settings import Settings


DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


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
    def options(self) -> list[str]:
        """The options of `lookalike serve` for this address; none for the default one."""
        host = [] if self.host == DEFAULT_HOST else ["--host", self.host]
        return host if self.port == DEFAULT_PORT else [*host, "--port", str(self.port)]

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


@contextmanager
def open_served(address: ListenAddress, settings: Settings) -> Iterator[Resources]:
    """Open the resources of a server that also answers to the host name in `address`.

    Raises:
        BadInput: the database would be new, so without keys, and other machines reach the address.
    """
    if is_new(settings):
        _check_closed(address, settings)
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
            _check_closed(address, resources.settings)


def _check_closed(address: ListenAddress, settings: Settings) -> None:
    """Refuse an address that other machines reach, where no API key exists; see `check_open_to`."""
    if not address.is_loopback and not settings.allow_anyone:
        raise BadInput(
            f"--host {address.host}: without an API key, everyone who reaches this address could read and change "
            "all. Create a key with `lookalike keys create --role admin`, or set LOOKALIKE_ALLOW_ANYONE=true."
        )
