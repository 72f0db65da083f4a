"""A network for httpx that reaches only addresses that may be asked, and ends when a deadline has passed.

The check is made where the socket is opened: the name is resolved here, every address that it leads to is looked at,
and one of those is connected to. A name that leads elsewhere a moment later (DNS rebinding) is of no use.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

import httpcore
import httpx

from services.fetching.addresses import may_be_asked

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from services.fetching.addresses import Network

    Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
    """From a host name and a port to IP addresses, the one to try first at first."""


class AddressRefused(Exception):
    """A host leads to an address that may not be asked."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} leads to an address that is not public")


class Deadline:
    """When the work of the present thread has to end."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let the network calls of this thread in the block take so long together, and no longer than an outer one."""
        outer = float(getattr(self._local, "at", inf))
        self._local.at = min(outer, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._local.at = outer

    @property
    def left(self) -> float:
        """Seconds until the deadline; not above 0 when it has passed."""
        return float(getattr(self._local, "at", inf)) - time.monotonic()

    def shorten(self, timeout: float | None) -> float | None:
        """Return a timeout that ends with the deadline.

        Raises:
            httpcore.TimeoutException: the deadline has passed.
        """
        left = self.left
        if left <= 0:
            raise httpcore.ReadTimeout("it took too long in all")
        return timeout if left == inf else min(left, inf if timeout is None else timeout)


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport on a guarded network. Proxies of the environment are not asked: they would not check."""

    def __init__(self, allowed: Sequence[Network], deadline: Deadline, *, resolve: Resolve | None = None) -> None:
        super().__init__(trust_env=False)
        assert isinstance(self._pool, httpcore.ConnectionPool), "httpx has another pool now: ours would not be asked"
        self._pool = httpcore.ConnectionPool(
            max_connections=None,  # callers are few: bounded, slow hosts would keep others waiting
            ssl_context=httpx.create_ssl_context(),
            network_backend=_GuardedNetwork(allowed, deadline, resolve or resolve_host),
            keepalive_expiry=5.0,
        )


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host name, or of any form in which systems write an IP address (`127.1`, `0x7f.1`).

    Raises:
        httpcore.ConnectError: there is no such host.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"there is no host {host} ({error})") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _GuardedNetwork(httpcore.NetworkBackend):
    def __init__(self, allowed: Sequence[Network], deadline: Deadline, resolve: Resolve) -> None:
        self._allowed, self._deadline, self._resolve = allowed, deadline, resolve
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that answers.

        Raises:
            AddressRefused: one of its addresses may not be asked: a host that is half inside is not trusted at all.
        """
        addresses = self._resolve(host, port)
        if not all(may_be_asked(address, self._allowed) for address in addresses):
            raise AddressRefused(host)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._network.connect_tcp(
                    address, port, self._deadline.shorten(timeout), local_address, socket_options
                )
                return _TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A connection none of whose calls lasts beyond the deadline of the thread that makes it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.shorten(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.shorten(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        shortened = self._deadline.shorten(timeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, shortened), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
