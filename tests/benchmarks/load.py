"""A load generator for HTTP servers, with a fixed rate of requests or a fixed number of concurrent requests.

The server runs on the same machine, so the generator uses little processor time: it sends prepared bytes, and reads
only the status and the length of each answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Load:
    """Results of a load.

    Attributes:
        seconds: from the first request to the last answer.
        statuses: number of answers by status; status 0 counts failed connections.
        took_ms: latency of each answer with status 200, from the time that its request was due.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    took_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers with status 200 per second."""
        return self.statuses[200] / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """Return a percentile of `took_ms`."""
        return float(np.percentile(self.took_ms, percent)) if self.took_ms else float("nan")

    def summary(self) -> str:
        """Return the results as one line."""
        others = {status: count for status, count in self.statuses.items() if status != 200}
        return (
            f"{self.rate:7.1f}/s  p50 {self.percentile(50):7.1f} ms  p95 {self.percentile(95):7.1f} ms  "
            f"p99 {self.percentile(99):7.1f} ms  {self.statuses[200]} answers"
            + (f", others by status {others}" if others else "")
        )


def get(path: str) -> bytes:
    """Return the bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post_photo(path: str, content: bytes, field_name: str = "image") -> bytes:
    """Return the bytes of a POST request that uploads one photo in a form."""
    boundary = "b0undary"
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; name={field_name}; filename=p.jpg\r\n"
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode() + content
    body += f"\r\n--{boundary}--\r\n".encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={boundary}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def at_rate(port: int, requests: Sequence[bytes], *, per_second: float, seconds: float, connections: int = 64) -> Load:
    """Send `per_second` requests each second, in rotation; the wait for a free connection counts as latency."""
    return asyncio.run(_at_rate(port, requests, per_second, seconds, connections))


def saturating(port: int, requests: Sequence[bytes], *, at_once: int, seconds: float) -> Load:
    """Keep `at_once` requests in flight."""
    return asyncio.run(_saturating(port, requests, at_once, seconds))


class _Connection:
    """A connection that reopens itself if the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> int:
        """Send a request, read its answer, and return the status; 0 if the connection failed.

        The server may have just closed an open connection, so a request on an open connection is tried twice.
        """
        for _ in range(1 + (self._streams is not None)):
            try:
                return await asyncio.wait_for(self._send(request), _TIMEOUT_S)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError):
                self.close()
        return 0

    async def _send(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        lengths = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
        await reader.readexactly(lengths[0] if lengths else 0)
        if b"connection: close" in lines:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _at_rate(port: int, requests: Sequence[bytes], per_second: float, seconds: float, connections: int) -> Load:
    # Take the most recently used connection first: servers close connections that are idle for some seconds.
    load, free = Load(), asyncio.LifoQueue[_Connection]()
    for _ in range(connections):
        free.put_nowait(_Connection(port))
    started = time.perf_counter()

    async def send_one(number: int) -> None:
        due = started + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        connection = await free.get()
        _record(load, await connection.send(requests[number % len(requests)]), due)
        free.put_nowait(connection)

    await asyncio.gather(*(send_one(number) for number in range(int(per_second * seconds))))
    load.seconds = time.perf_counter() - started
    while not free.empty():
        free.get_nowait().close()
    return load


async def _saturating(port: int, requests: Sequence[bytes], at_once: int, seconds: float) -> Load:
    load = Load()
    started = time.perf_counter()

    async def keep_sending(first: int) -> None:
        connection, number = _Connection(port), first
        while (due := time.perf_counter()) < started + seconds:
            _record(load, await connection.send(requests[number % len(requests)]), due)
            number += at_once
        connection.close()

    await asyncio.gather(*(keep_sending(first) for first in range(at_once)))
    load.seconds = time.perf_counter() - started
    return load


def _record(load: Load, status: int, due: float) -> None:
    load.statuses[status] += 1
    if status == 200:
        load.took_ms.append((time.perf_counter() - due) * 1000)
