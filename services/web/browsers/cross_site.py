"""Refuses what pages of other sites send through a user's browser, and requests under a foreign host name.

Browsers state the sender in headers that no page can change: Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/),
towards loopback and HTTPS servers, and Origin. Programs send neither. If either names another site, it is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware

from services.web.browsers.host_names import Authority, KnownHosts
from services.web.metrics import count_refused
from services.web.refusals import CrossSiteRefused, HostUnknown

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from services.settings import Settings
    from services.web.access.key_ring import KeyRing

_OWN = {"same-origin", "none"}
"""Values of Sec-Fetch-Site for the server's own pages, and for an address that the user typed or a bookmark."""

_OPAQUE = "null"
"""Origin of forms of the server's own pages too, since these set `Referrer-Policy: no-referrer`
(https://fetch.spec.whatwg.org/#append-a-request-origin-header). Sec-Fetch-Site then says whose form it is."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class BrowserGuard(ASGIMiddleware):
    """The outermost middleware: a Host header that is no host name would be an error in the others."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, settings: Settings, keys: KeyRing) -> None:
        self._origins = {origin.lower() for origin in settings.cors_origins}
        self._hosts = KnownHosts([*settings.allowed_hosts, *_hosts_of([settings.ingest_url, *settings.cors_origins])])
        self._keys = keys

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let the server's own pages, allowed origins and programs pass.

        Once a key exists, programs may use any host name, because a page under a false name has no key.

        Raises:
            CrossSiteRefused: a page of another site sent the request.
            HostUnknown: the request names a host that is not this server.
        """
        headers = Headers.from_scope(scope)
        sites, origins = headers.getall("sec-fetch-site", []), headers.getall("origin", [])
        if not (self._is_allowed(headers, origins) or _is_own(headers, sites, origins) or _is_visit(scope, headers)):
            count_refused("site")
            raise CrossSiteRefused(", ".join(origins))
        host = _named_host(headers)
        own_address = (scope["server"] or ("",))[0]
        if host is None or not self._hosts.include(host, own_address=own_address):
            from_browser = bool(sites or origins)
            if host is None or from_browser or not await self._keys.any_exists():
                count_refused("host name")
                raise HostUnknown(headers.get("host", ""))
        await next_app(scope, receive, send)

    def _is_allowed(self, headers: Headers, origins: list[str]) -> bool:
        """Say whether LOOKALIKE_CORS_ORIGINS or a key names the sender; `<img>` sends a Referer but no Origin."""
        senders = origins or [_origin_of(headers.get("referer", ""))]
        return "*" in self._origins or all(sender.lower() in self._origins | self._keys.origins for sender in senders)


def _is_own(headers: Headers, sites: list[str], origins: list[str]) -> bool:
    named = [origin for origin in origins if not (sites and origin == _OPAQUE)]
    return all(site in _OWN for site in sites) and all(_is_origin_of(one, headers.get("host", "")) for one in named)


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Say whether the user follows a link to a page of this server, rather than to a call."""
    return (
        scope.get("method") in ("GET", "HEAD")
        and headers.getall("sec-fetch-mode", []) == ["navigate"]
        and headers.getall("sec-fetch-dest", []) == ["document"]
        and not scope["path"].startswith("/v1/")
    )


def _named_host(headers: Headers) -> str | None:
    """Return the one host that the request names, in its normal form; None for anything else."""
    hosts = headers.getall("host", [])
    named = Authority.parse(hosts[0]) if len(hosts) == 1 else None
    return None if named is None else named.host


def _is_origin_of(origin: str, host_header: str) -> bool:
    """Say whether `origin` (`https://host:port`) is that of a server with this Host header."""
    scheme, _, authority = origin.lower().partition("://")
    own, host, default = Authority.parse(authority), Authority.parse(host_header), _DEFAULT_PORTS.get(scheme)
    if own is None or host is None or default is None:
        return False
    return (own.host, own.port or default) == (host.host, host.port or default)


def _origin_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _hosts_of(urls: list[str]) -> list[str]:
    return [name for url in urls if (name := urlsplit(url).hostname)]
