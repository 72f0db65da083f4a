"""Checks that a port is free before a server starts on it."""

from __future__ import annotations

import socket

from services.errors import LookalikeError

_SEARCHED_PORTS = 200


class PortTaken(LookalikeError):
    """Another process listens on the port."""

    def __init__(self, host: str, port: int, remedy: str) -> None:
        free = _next_free(host, port)
        super().__init__(f"Port {port} on {host} is in use. Port {free} is free: {remedy.format(port=free)}.")


def check_port(host: str, port: int, *, remedy: str = "use --port {port}") -> None:
    """Check that a server can listen on the port.

    Args:
        host, port: the address.
        remedy: what the user should do; `{port}` stands for a free port.

    Raises:
        PortTaken: the port is in use.
    """
    if not _is_free(host, port):
        raise PortTaken(host, port, remedy)


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _next_free(host: str, port: int) -> int:
    candidates = range(port + 1, port + _SEARCHED_PORTS)
    return next((candidate for candidate in candidates if _is_free(host, candidate)), port + _SEARCHED_PORTS)
