"""Why a caller is refused. Each class is a LookalikeError.

├── KeyRefused               no API key was sent, or an unknown one
├── RoleMissing              the key's role does not allow the request
├── CrossSiteRefused         a page of another site sent the request
├── HostUnknown              the request names a host that is not this server
├── OriginRefused            the key is bound to pages of other origins
└── RateLimited              the key has made too many requests
    └── TooManyWrongKeys        an address has sent too many wrong keys
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from services.errors import LookalikeError

if TYPE_CHECKING:
    from collections.abc import Iterable


class KeyRefused(LookalikeError):
    """No API key was sent, or an unknown one."""

    def __init__(self, *, presented: bool) -> None:
        problem = "This API key is unknown or revoked" if presented else "This request needs an API key"
        super().__init__(
            f"{problem}. Send one in the header `Authorization: Bearer KEY`. `lookalike keys create` creates a key."
        )


class RoleMissing(LookalikeError):
    """The key's role does not allow the request."""

    def __init__(self, role: str, needed: str) -> None:
        super().__init__(f"This request needs the role {needed}. Your key has the role {role}.")


class CrossSiteRefused(LookalikeError):
    """A page of another site sent the request."""

    def __init__(self, origin: str) -> None:
        """`origin` is what the browser says about the page; empty if it does not say."""
        page = f"a page of {origin[:200]!r}" if origin else "a page of another site"
        super().__init__(
            f"The request comes from {page}. If that page may use this server, add its origin to "
            "LOOKALIKE_CORS_ORIGINS and restart the server."
        )


class HostUnknown(LookalikeError):
    """The request names a host that is not this server."""

    def __init__(self, host: str) -> None:
        """`host` is the Host header; empty if there is none."""
        name = host[:200]
        super().__init__(
            f"This server does not answer to the host name {name!r}. If the name is yours, add it to "
            "LOOKALIKE_ALLOWED_HOSTS and restart the server."
        )


class OriginRefused(LookalikeError):
    """The key is bound to pages of other origins."""

    def __init__(self, origin: str, allowed: Iterable[str]) -> None:
        problem = f"not of {origin}" if origin else "and this request names no page (`Origin`)"
        super().__init__(f"This API key is for pages of {', '.join(allowed)}, {problem}.")


class RateLimited(LookalikeError):
    """The key has made too many requests.

    Attributes:
        retry_after_s: whole seconds until the next request is accepted, at least 1.
    """

    problem = "This API key has made too many requests this minute"

    def __init__(self, *, retry_after_s: float) -> None:
        self.retry_after_s = max(1, ceil(retry_after_s))
        super().__init__(f"{self.problem}. Try again in {self.retry_after_s} s.")


class TooManyWrongKeys(RateLimited):
    """An address has sent too many wrong keys."""

    problem = "Too many wrong API keys came from this address this minute"
