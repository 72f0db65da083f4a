"""Downloads photos by URL, from fetchable addresses, within limits of size and time."""

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
"""Statuses after which a retry may succeed."""

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """The limits of a download.

    Attributes:
        max_bytes: size of a photo.
        allowed: networks that may be fetched from besides public addresses.
        per_host: simultaneous downloads from one host.
        tries: maximum number of attempts.
        redirects: maximum number of redirects; each target is checked like the URL itself.
        timeout_s: time to connect, and to wait for each piece of the answer.
        total_s: time for everything, with retries and their pauses.
        pause_s: longest pause before the second attempt; it doubles with each further one.
    """

    max_bytes: int
    allowed: tuple[Network, ...] = ()
    per_host: int = 4
    tries: int = 3
    redirects: int = 3
    timeout_s: float = 10.0
    total_s: float = 30.0
    pause_s: float = 0.5


class _Transient(Exception):
    """An attempt failed, but a retry may succeed; `retry_after_s` is the pause that the server asks for, if any."""

    def __init__(self, problem: str, retry_after_s: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s


class PhotoFetcher:
    """Downloads photos; threads may share it."""

    def __init__(self, limits: FetchLimits, *, resolve: Resolve | None = None) -> None:
        """Set up without connecting; `resolve` looks up host names (default: the system's resolver)."""
        self._limits, self._deadline = limits, Deadline()
        self._hosts = _HostLimits(limits.per_host)
        self._client = httpx.Client(
            transport=GuardedTransport(limits.allowed, self._deadline, resolve=resolve),
            timeout=limits.timeout_s,
            headers={"Accept": "image/*", "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # stores no cookies
            trust_env=False,
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the total time of this thread's downloads in the block."""
        with self._deadline.time_limit(seconds):
            yield

    def fetch(self, url: str) -> bytes:
        """Download a photo, with retries and redirects.

        Raises:
            PhotoRejected: `bad_url`, `forbidden_address`, `too_large`, or `unreachable`: no complete answer in time,
                an error status, or too many redirects.
        """
        with self._deadline.time_limit(self._limits.total_s):
            for attempt in range(1, self._limits.tries + 1):
                try:
                    return self._follow(url)
                except _Transient as failure:
                    pause = backoff.retry_pause(
                        attempt, first_s=self._limits.pause_s, retry_after_s=failure.retry_after_s
                    )
                    if attempt == self._limits.tries or pause >= self._deadline.left:
                        problem = f"{url} cannot be fetched: {failure}"
                        raise PhotoRejected(RejectReason.UNREACHABLE, problem) from failure
                    time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _follow(self, url: str) -> bytes:
        """Download the photo, following redirects."""
        target = _checked_url(url)
        for _ in range(self._limits.redirects + 1):
            try:
                answer = self._request(target)
            except AddressRefused as error:
                raise PhotoRejected(RejectReason.FORBIDDEN_ADDRESS, f"{url} is not fetched: {error}") from error
            except (httpx.InvalidURL, UnicodeError) as error:  # in a redirect, which httpx parses before we do
                raise PhotoRejected(RejectReason.BAD_URL, f"{url} redirects to an invalid URL") from error
            except httpx.TransportError as error:
                raise _Transient(str(error) or type(error).__name__) from error
            if isinstance(answer, bytes):
                return answer
            target = _checked_url(str(answer))
        problem = f"{url} redirects more than {self._limits.redirects} times. Use the URL that it leads to"
        raise PhotoRejected(RejectReason.UNREACHABLE, problem)

    def _request(self, url: httpx.URL) -> bytes | httpx.URL:
        """Return the photo, or the target of a redirect."""
        with self._hosts.slot(url.host), self._client.stream("GET", url) as response:
            if response.is_redirect:
                try:
                    return url.join(response.headers["location"])
                except (KeyError, httpx.InvalidURL) as error:
                    raise PhotoRejected(RejectReason.BAD_URL, f"{url} redirects without a valid target") from error
            if response.status_code in _TRANSIENT_STATUSES:
                raise _Transient(f"the server answers {response.status_code}", backoff.retry_after(response.headers))
            if response.status_code != HTTPStatus.OK:
                problem = f"{url} cannot be fetched: the server answers {response.status_code}"
                raise PhotoRejected(RejectReason.UNREACHABLE, problem)
            return self._content(url, response)

    def _content(self, url: httpx.URL, response: httpx.Response) -> bytes:
        """Return the body as sent; it is not decompressed, since no compression was requested."""
        limit, content = self._limits.max_bytes, bytearray()
        if int(response.headers.get("content-length", 0)) > limit:
            raise _too_large(url, limit)
        for part in response.iter_raw():
            content += part
            if len(content) > limit:
                raise _too_large(url, limit)
        return bytes(content)


class _HostLimits:
    """Limits the simultaneous downloads from each host."""

    def __init__(self, per_host: int) -> None:
        self._per_host, self._busy = per_host, Counter[str]()
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
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


def _too_large(url: httpx.URL, max_bytes: int) -> PhotoRejected:
    return PhotoRejected(RejectReason.TOO_LARGE, f"{url} is larger than {max_bytes:,} bytes. Use a smaller photo")


def _checked_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # raises for an invalid host name
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PhotoRejected(RejectReason.BAD_URL, f"{url!r} is not a URL ({error})") from error
    if parsed.scheme not in ("http", "https") or not host or (parsed.port or 0) > _LAST_PORT:
        raise PhotoRejected(RejectReason.BAD_URL, f"{url!r} is not a complete HTTP or HTTPS URL")
    if parsed.userinfo:
        raise PhotoRejected(RejectReason.BAD_URL, "the URL has a user name or password. Remove them")
    return parsed
