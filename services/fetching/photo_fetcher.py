"""Downloads photos by URL, from fetchable addresses, within limits of size and time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import TYPE_CHECKING, get_args

import httpx

from ml.photos.formats import PhotoFormat
from services import backoff
from services.errors import Overloaded, PhotoRejected
from services.fetching.bodies import BodyTooLarge, UnknownEncoding, read_body
from services.fetching.data_urls import read_data_url
from services.fetching.guarded_network import AddressRefused, Deadline, GuardedTransport
from services.fetching.host_limits import HostBusy, HostLimits, HostQueueFull
from services.fetching.refusals import is_web_page, refusal
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

_ERROR_BYTES = 4096
"""Bytes of an error page that are read, to find out whether a URL has expired."""

_LEAST_PREFERENCE = 0.1


def default_user_agent() -> str:
    """Return the default User-Agent: many servers refuse programs that do not begin it as browsers do."""
    return f"Mozilla/5.0 (compatible; Lookalike/{version('lookalike')})"


def accept_header() -> str:
    """Return an Accept header with exactly the formats that are read, in the order of `PhotoFormat`, the first best.

    With `image/*`, servers that negotiate would answer with formats that cannot be read.
    """
    types = (("heic", "heif") if name == "HEIF" else (name.lower(),) for name in get_args(PhotoFormat))
    preferred = [(name, max(_LEAST_PREFERENCE, 1 - rank / 10)) for rank, names in enumerate(types) for name in names]
    return ", ".join(f"image/{name};q={preference:.1f}" for name, preference in preferred)


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
    redirects: int = 10
    timeout_s: float = 10.0
    total_s: float = 30.0
    pause_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a photo is downloaded.

    Attributes:
        advice: what to do when a photo cannot be fetched at present.
        max_waiting: downloads that may wait for their turn at one host; further ones are refused at once. None lets
            any number wait.
    """

    advice: str
    max_waiting: int | None = None


FEED = Caller("Ingest the feed again later")

_RETRY_AFTER_S = 5.0


class _Transient(Exception):
    """An attempt failed, but a retry may succeed.

    Attributes:
        retry_after_s: the pause that the server asks for, if any.
        is_silence: the server did not answer at all.
    """

    def __init__(self, problem: str, retry_after_s: float | None = None, *, is_silence: bool = False) -> None:
        super().__init__(problem)
        self.retry_after_s, self.is_silence = retry_after_s, is_silence


class PhotoFetcher:
    """Downloads photos; threads may share it."""

    def __init__(self, limits: FetchLimits, *, user_agent: str = "", resolve: Resolve | None = None) -> None:
        """Set up without connecting.

        Args:
            limits: limits of each download.
            user_agent: the User-Agent header; empty means `default_user_agent`.
            resolve: looks up host names; by default the system's resolver.
        """
        self._limits, self._deadline = limits, Deadline()
        self._hosts = HostLimits(limits.per_host)
        self._client = httpx.Client(
            transport=GuardedTransport(limits.allowed, self._deadline, resolve=resolve),
            timeout=limits.timeout_s,
            headers={
                "Accept": accept_header(),
                "Accept-Encoding": "identity",
                "User-Agent": user_agent or default_user_agent(),
            },
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

    def fetch(self, url: str, caller: Caller = FEED) -> bytes:
        """Download a photo, with retries and redirects, or read it out of a `data:` URL.

        Raises:
            PhotoRejected: `bad_url`, `unsupported_url`, `forbidden_address`, `too_large`, `not_an_image` (a web page),
                `expired_url`, `not_found`, or `unreachable`: no complete answer in time, another error status, or too
                many redirects.
            Overloaded: too many downloads wait for the host; only if the caller limits their number.
        """
        if url.lower().startswith("data:"):
            return read_data_url(url, self._limits.max_bytes)
        _refuse_other_schemes(url)
        host = _checked_url(url).host
        with self._deadline.time_limit(self._limits.total_s):
            for attempt in range(1, self._limits.tries + 1):
                try:
                    content = self._follow(url, caller)
                    self._hosts.note_answer(host)
                    return content
                except PhotoRejected:
                    self._hosts.note_answer(host)
                    raise
                except HostBusy as error:
                    raise _refused(url, error, caller) from error
                except _Transient as failure:
                    pause = backoff.retry_pause(
                        attempt, first_s=self._limits.pause_s, retry_after_s=failure.retry_after_s
                    )
                    if attempt == self._limits.tries or pause >= self._deadline.left:
                        if failure.is_silence:
                            self._hosts.note_silence(host)
                        problem = f"{url} cannot be fetched: {failure}. {caller.advice}"
                        raise PhotoRejected(RejectReason.UNREACHABLE, problem) from failure
                    time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _follow(self, url: str, caller: Caller) -> bytes:
        """Download the photo, following redirects."""
        target = _checked_url(url)
        for _ in range(self._limits.redirects + 1):
            try:
                answer = self._request(target, caller)
            except AddressRefused as error:
                raise PhotoRejected(RejectReason.FORBIDDEN_ADDRESS, f"{url} is not fetched: {error}") from error
            except (httpx.InvalidURL, UnicodeError) as error:  # in a redirect, which httpx parses before we do
                raise PhotoRejected(RejectReason.BAD_URL, f"{url} redirects to an invalid URL") from error
            except httpx.TransportError as error:
                raise _Transient(str(error) or type(error).__name__, is_silence=True) from error
            if isinstance(answer, bytes):
                return answer
            target = _checked_url(str(answer))
        problem = f"{url} redirects more than {self._limits.redirects} times. Use the URL that it leads to"
        raise PhotoRejected(RejectReason.UNREACHABLE, problem)

    def _request(self, url: httpx.URL, caller: Caller) -> bytes | httpx.URL:
        """Return the photo, or the target of a redirect."""
        turn = self._hosts.slot(url.host, self._deadline, max_waiting=caller.max_waiting)
        with turn, self._client.stream("GET", url) as response:
            if response.is_redirect:
                try:
                    return url.join(response.headers["location"])
                except (KeyError, httpx.InvalidURL) as error:
                    raise PhotoRejected(RejectReason.BAD_URL, f"{url} redirects without a valid target") from error
            if response.status_code in _TRANSIENT_STATUSES:
                retry_after_s = backoff.retry_after(response.headers)
                if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and retry_after_s:
                    self._hosts.pause(url.host, retry_after_s)
                raise _Transient(f"the server answers {response.status_code}", retry_after_s)
            if response.status_code != HTTPStatus.OK:
                raise refusal(str(url), response.status_code, next(response.iter_raw(_ERROR_BYTES), b""))
            return self._content(url, response)

    def _content(self, url: httpx.URL, response: httpx.Response) -> bytes:
        """Return the body. Its first bytes say later whether it is a photo, whatever its Content-Type."""
        limit = self._limits.max_bytes
        try:
            if int(response.headers.get("content-length", 0)) > limit:
                raise BodyTooLarge
            content = read_body(response.iter_raw(), response.headers.get("content-encoding", ""), limit)
        except BodyTooLarge as error:
            problem = f"{url} is larger than {limit:,} bytes. Use a smaller photo"
            raise PhotoRejected(RejectReason.TOO_LARGE, problem) from error
        except UnknownEncoding as error:
            raise PhotoRejected(RejectReason.UNREACHABLE, f"{url} cannot be fetched: {error}") from error
        if is_web_page(content):
            problem = f"{url} leads to a web page, not to a photo. Use the address of the photo itself"
            raise PhotoRejected(RejectReason.NOT_AN_IMAGE, problem)
        return content


def _refused(url: str, busy: HostBusy, caller: Caller) -> PhotoRejected | Overloaded:
    if isinstance(busy, HostQueueFull) and caller.max_waiting is not None:
        return Overloaded(f"{url} is not fetched: {busy}", retry_after_s=_RETRY_AFTER_S)
    return PhotoRejected(RejectReason.UNREACHABLE, f"{url} is not fetched: {busy}. {caller.advice}")


def _refuse_other_schemes(url: str) -> None:
    scheme, separator, _ = url.partition("://")
    if separator and scheme.isalnum() and scheme.lower() not in ("http", "https"):
        problem = f"{url} cannot be fetched: photos are fetched from HTTP and HTTPS URLs only. Use such a URL"
        raise PhotoRejected(RejectReason.UNSUPPORTED_URL, problem)


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
