"""An httpx transport that connects to fetchable addresses only and enforces a deadline.

Addresses are checked where the socket is opened: the host name is resolved, all its addresses are checked, and one of
them is connected to. Changing the name's address afterwards (DNS rebinding) therefore has no effect.
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

from services.fetching.addresses import is_fetchable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from services.fetching.addresses import Network

    Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
    """Maps a host name and port to IP addresses, in the order to try them."""


class AddressRefused(Exception):
    """A host has an address that must not be fetched from."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} has an address that is not public")


class Deadline:
    """A deadline for the network calls of each thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the total time of this thread's network calls in the block; an outer limit still applies."""
        outer = float(getattr(self._local, "at", inf))
        self._local.at = min(outer, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._local.at = outer

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 or less after it."""
        return float(getattr(self._local, "at", inf)) - time.monotonic()

    def shorten(self, timeout: float | None) -> float | None:
        """Return a timeout that ends no later than the deadline.

        Raises:
            httpcore.TimeoutException: the deadline has passed.
        """
        left = self.left
        if left <= 0:
            raise httpcore.ReadTimeout("the time limit was reached")
        return timeout if left == inf else min(left, inf if timeout is None else timeout)


class GuardedTransport(httpx.HTTPTransport):
    """An httpx transport on the guarded network. It ignores proxy settings: a proxy would not check addresses."""

    def __init__(self, allowed: Sequence[Network], deadline: Deadline, *, resolve: Resolve | None = None) -> None:
        super().__init__(trust_env=False)
        assert isinstance(self._pool, httpcore.ConnectionPool), "httpx would ignore our pool"
        self._pool = httpcore.ConnectionPool(
            max_connections=None,  # callers are few; with a limit, slow hosts would block the others
            ssl_context=httpx.create_ssl_context(),
            network_backend=_GuardedNetwork(allowed, deadline, resolve or resolve_host),
            keepalive_expiry=5.0,
        )


def resolve_host(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host name, or of an IP address in any notation (`127.1`, `0x7f.1`).

    Raises:
        httpcore.ConnectError: the host name cannot be resolved.
    """
    try:
        results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the host {host} cannot be resolved ({error})") from error
    return list(dict.fromkeys(str(result[4][0]) for result in results))


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
        """Connect to the first address of the host that accepts the connection.

        Raises:
            AddressRefused: any of its addresses is not fetchable, even if others are.
        """
        addresses = self._resolve(host, port)
        if not all(is_fetchable(address, self._allowed) for address in addresses):
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
    """A connection whose calls end with the calling thread's deadline."""

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
