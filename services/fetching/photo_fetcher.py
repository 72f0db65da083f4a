"""Photos by URL, from addresses that may be asked, within bounds of size and time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from services import backoff
from services.errors import PhotoRejected
from services.fetching.guarded_network import AddressRefused, Deadline, GuardedTransport
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.fetching.addresses import Network
    from services.fetching.guarded_network import Resolve

_TRANSIENT_STATUSES = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Answers after which the same question may be answered otherwise."""

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """The bounds of a fetch.

    Attributes:
        max_bytes: of a photo.
        allowed: networks that may be asked besides public addresses.
        per_host: fetches from one host at a time.
        tries: how often what may pass is tried.
        redirects: how many are followed; each is checked like the first address.
        wait_s: for a connection, and for each piece of the answer.
        total_s: for everything, retries and pauses between them included.
        pause_s: before the second try at most, twice as long before each further one.
    """

    max_bytes: int
    allowed: tuple[Network, ...] = ()
    per_host: int = 4
    tries: int = 3
    redirects: int = 3
    wait_s: float = 10.0
    total_s: float = 30.0
    pause_s: float = 0.5


class _Transient(Exception):
    """A try failed that may succeed when it is repeated: why, and how long to pause if the server said so."""

    def __init__(self, problem: str, pause_s: float | None = None) -> None:
        super().__init__(problem)
        self.pause_s = pause_s


class PhotoFetcher:
    """Fetches photos; any number of threads may share it."""

    def __init__(self, limits: FetchLimits, *, resolve: Resolve | None = None) -> None:
        """`resolve` finds the addresses of hosts; the system's way when None."""
        self._limits, self._deadline = limits, Deadline()
        self._turns = _Turns(limits.per_host)
        self._client = httpx.Client(
            transport=GuardedTransport(limits.allowed, self._deadline, resolve=resolve),
            timeout=limits.wait_s,
            headers={"Accept": "image/*", "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none are kept
            trust_env=False,
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let all that this thread fetches in the block take so long together, at most."""
        with self._deadline.within(seconds):
            yield

    def fetch(self, url: str) -> bytes:
        """Return what the URL leads to.

        Raises:
            PhotoRejected: `bad_url`; `forbidden_address`; `too_large`; `unreachable`: no whole answer in time, or an
                error status.
        """
        with self._deadline.within(self._limits.total_s):
            for number in range(1, self._limits.tries + 1):
                try:
                    return self._follow(url)
                except _Transient as failure:
                    pause = backoff.retry_pause(number, first_s=self._limits.pause_s, retry_after_s=failure.pause_s)
                    if number == self._limits.tries or pause >= self._deadline.left:
                        raise PhotoRejected(
                            RejectReason.UNREACHABLE, f"{url} cannot be fetched: {failure}"
                        ) from failure
                    time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _follow(self, url: str) -> bytes:
        """Return the photo at the end of the redirects."""
        at = _checked(url)
        for _ in range(self._limits.redirects + 1):
            try:
                found = self._ask(at)
            except AddressRefused as error:
                raise PhotoRejected(RejectReason.FORBIDDEN_ADDRESS, f"{url} is not fetched: {error}") from error
            except (httpx.InvalidURL, UnicodeError) as error:  # in a redirect, which httpx looks at before we do
                raise PhotoRejected(RejectReason.BAD_URL, f"{url} redirects to what is not a URL") from error
            except httpx.TransportError as error:
                raise _Transient(str(error) or type(error).__name__) from error
            if isinstance(found, bytes):
                return found
            at = _checked(str(found))
        raise PhotoRejected(RejectReason.UNREACHABLE, f"{url} redirects more than {self._limits.redirects} times")

    def _ask(self, url: httpx.URL) -> bytes | httpx.URL:
        """Return the photo, or where the answer sends us."""
        with self._turns.of(url.host), self._client.stream("GET", url) as response:
            if response.is_redirect:
                try:
                    return url.join(response.headers["location"])
                except (KeyError, httpx.InvalidURL) as error:
                    raise PhotoRejected(RejectReason.BAD_URL, f"{url} redirects to nowhere") from error
            if response.status_code in _TRANSIENT_STATUSES:
                raise _Transient(f"the server answers {response.status_code}", backoff.retry_after(response.headers))
            if response.status_code != HTTPStatus.OK:
                problem = f"{url} cannot be fetched: the server answers {response.status_code}"
                raise PhotoRejected(RejectReason.UNREACHABLE, problem)
            return self._content(url, response)

    def _content(self, url: httpx.URL, response: httpx.Response) -> bytes:
        """Return the body as it is sent: a compressed one, which nobody asked for, is not inflated."""
        limit, content = self._limits.max_bytes, bytearray()
        if int(response.headers.get("content-length", 0)) > limit:
            raise PhotoRejected(RejectReason.TOO_LARGE, f"{url} is larger than {limit} bytes")
        for part in response.iter_raw():
            content += part
            if len(content) > limit:
                raise PhotoRejected(RejectReason.TOO_LARGE, f"{url} is larger than {limit} bytes")
        return bytes(content)


class _Turns:
    """Lets so many callers at a time have to do with each host."""

    def __init__(self, per_host: int) -> None:
        self._per_host, self._busy = per_host, Counter[str]()
        self._changed = threading.Condition()

    @contextmanager
    def of(self, host: str) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._busy[host] < self._per_host)
            self._busy[host] += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy[host] -= 1
                if not self._busy[host]:
                    del self._busy[host]
                self._changed.notify_all()


def _checked(url: str) -> httpx.URL:
    try:
        found = httpx.URL(url)
        host = found.host  # read here, since a name that is no name is found out only now
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PhotoRejected(RejectReason.BAD_URL, f"{url!r} is not a URL ({error})") from error
    if found.scheme not in ("http", "https") or not host or (found.port or 0) > _LAST_PORT:
        raise PhotoRejected(RejectReason.BAD_URL, f"{url!r} is not an HTTP URL")
    if found.userinfo:
        raise PhotoRejected(RejectReason.BAD_URL, "a URL with a password in it is not fetched")
    return found
