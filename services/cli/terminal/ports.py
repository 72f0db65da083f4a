"""Checks that a port is free before a server starts on it."""

from __future__ import annotations

import errno
import socket

from services.errors import LookalikeError

_SEARCHED_PORTS = 200


class PortTaken(LookalikeError):
    """Another process listens on the port."""

    def __init__(self, host: str, port: int, remedy: str) -> None:
        free = _next_free(host, port)
        super().__init__(f"Port {port} on {host} is in use. Port {free} is free: {remedy.format(port=free)}.")


class CannotListen(LookalikeError):
    """No server can listen on the address."""

    def __init__(self, host: str, port: int, problem: str) -> None:
        super().__init__(
            f"--host {host}: a server cannot listen on port {port} there ({problem}). Use 127.0.0.1 for this machine "
            "only, 0.0.0.0 for all networks, or an address of this machine, and a port from 1024 on."
        )


def check_port(host: str, port: int, *, remedy: str = "use --port {port}") -> None:
    """Check that a server can listen on the port.

    Args:
        host, port: the address.
        remedy: what the user should do; `{port}` stands for a free port.

    Raises:
        PortTaken: the port is in use.
        CannotListen: the address is none of this machine's, or the port is reserved.
    """
    try:
        _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(host, port, remedy) from error
        raise CannotListen(host, port, error.strerror or str(error)) from error


def _bind(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def _next_free(host: str, port: int) -> int:
    candidates = range(port + 1, port + _SEARCHED_PORTS)
    return next((candidate for candidate in candidates if _is_free(host, candidate)), port + _SEARCHED_PORTS)
