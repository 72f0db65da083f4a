"""A web site on loopback with photos and with every kind of bad answer."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections import Counter
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BOMB = gzip.compress(bytes(1_000_000))


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site(ThreadingHTTPServer):
    """A site that counts its requests.

    Attributes:
        photos: the bytes at each path.
        redirects: the target of each redirecting path.
        request_counts: number of requests of each path.
        last_headers: the headers of the last request.
        max_simultaneous: highest number of requests answered at the same time.
        released: until it is set, requests of `/held` get no answer.
    """

    daemon_threads = True

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((address, port), _SiteHandler)
        self.photos: dict[str, bytes] = {"/photo.jpg": b"photo"}
        self.redirects: dict[str, str] = {}
        self.request_counts: Counter[str] = Counter()
        self.last_headers: dict[str, str] = {}
        self.max_simultaneous = self._busy = 0
        self._lock = threading.Lock()
        self.closing, self.released = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"

    @contextmanager
    def count_request(self, path: str) -> Iterator[int]:
        """Count a request while it is answered; yield the number of requests of its path so far, including it."""
        with self._lock:
            self.request_counts[path] += 1
            self._busy += 1
            self.max_simultaneous = max(self.max_simultaneous, self._busy)
            number = self.request_counts[path]
        try:
            yield number
        finally:
            with self._lock:
                self._busy -= 1

    def handle_error(self, *_arguments: object) -> None:
        """Do not log clients that disconnect, as these tests make them do."""


@contextmanager
def running_site(address: str = "127.0.0.1", port: int = 0) -> Iterator[Site]:
    """Run a site while the block runs."""
    site = Site(address, port)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        site.released.set()
        site.shutdown()
        thread.join()
        site.server_close()


class _SiteHandler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        with self.server.count_request(self.path) as number:
            self.server.last_headers = dict(self.headers)
            method = "_" + self.path.partition("?")[0].strip("/").replace("-", "_")
            if self.path in self.server.redirects:
                self._answer(302, Location=self.server.redirects[self.path])
            elif self.path in self.server.photos:
                content = self.server.photos[self.path]
                self._answer(200, content, Content_Length=str(len(content)))
            elif (misbehave := getattr(self, method, None)) is not None:
                misbehave(number)
            else:
                self._answer(404, b"gone")

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def _flaky(self, number: int) -> None:
        self._answer(*((503, b"busy") if number == 1 else (200, b"photo")))

    def _slow_to_answer(self, _number: int) -> None:
        time.sleep(0.1)
        self._answer(200, b"photo")

    def _dripping(self, _number: int) -> None:
        self._answer(200)
        self._drip(b"x")

    def _dripping_headers(self, _number: int) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self._drip(b"x")

    def _drip(self, piece: bytes) -> None:
        with suppress(OSError):
            while not self.server.closing.wait(0.05):
                self.wfile.write(piece)
                self.wfile.flush()

    def _silent(self, _number: int) -> None:
        self.server.closing.wait(20)

    def _held(self, _number: int) -> None:
        self.server.released.wait()
        with suppress(OSError):
            self._answer(200, self.server.photos["/photo.jpg"])

    def _endless(self, _number: int) -> None:
        self._answer(200)
        with suppress(OSError):
            while not self.server.closing.is_set():
                self.wfile.write(bytes(65536))

    def _promising_too_much(self, _number: int) -> None:
        self._answer(200, b"x", Content_Length=str(10**12))

    def _promising_more(self, _number: int) -> None:
        self._answer(200, b"short", Content_Length="500")

    def _bomb(self, _number: int) -> None:
        self._answer(200, BOMB, Content_Encoding="gzip", Content_Length=str(len(BOMB)))

    def _gzip(self, _number: int) -> None:
        self._answer(200, gzip.compress(b"photo"), Content_Encoding="gzip")

    def _deflate(self, _number: int) -> None:
        self._answer(200, zlib.compress(b"photo")[2:-4], Content_Encoding="deflate")

    def _gzip_by_name_only(self, _number: int) -> None:
        self._answer(200, b"photo", Content_Encoding="gzip")

    def _cut_gzip(self, _number: int) -> None:
        self._answer(200, gzip.compress(b"photo")[:-9], Content_Encoding="gzip")

    def _brotli(self, _number: int) -> None:
        self._answer(200, b"photo", Content_Encoding="br")

    def _page(self, _number: int) -> None:
        self._answer(200, b" <!DOCTYPE html><title>Log in</title>", Content_Type="image/jpeg")

    def _403(self, _number: int) -> None:
        self._answer(403, b"<html>no</html>")

    def _expired(self, _number: int) -> None:
        self._answer(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")

    def _busy_for_a_second(self, number: int) -> None:
        self._answer(*((429, b"") if number == 1 else (200, b"photo")), Retry_After="1")

    def _busy_until_a_date(self, number: int) -> None:
        until = formatdate(time.time() + 2, usegmt=True)
        self._answer(*((503, b"") if number == 1 else (200, b"photo")), Retry_After=until)

    def _busy_for_hours(self, _number: int) -> None:
        self._answer(429, Retry_After="7200")

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""
