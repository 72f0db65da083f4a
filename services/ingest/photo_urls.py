"""Photos named by URL, fetched over HTTP, beside those of a folder or archive.

There is no guard against addresses inside one's own network: it is for files that the operator trusts, from the
command line, and never for what a request brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from services.errors import PhotoRejected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from services.ingest.photos import PhotoSource

_TIMEOUT_S = 15.0
_RETRIES = 2


class WebPhotos:
    """A photo source that fetches names that are URLs, and asks another source, if there is one, for the rest.

    With `fetch=False` it refuses URLs, each with a reason.
    """

    def __init__(self, rest: PhotoSource | None, *, fetch: bool, max_bytes: int) -> None:
        self._rest, self._fetches, self._max_bytes = rest, fetch, max_bytes
        self._client = httpx.Client(
            timeout=_TIMEOUT_S,
            follow_redirects=True,
            max_redirects=3,
            transport=httpx.HTTPTransport(retries=_RETRIES),
            headers={"Accept": "image/*"},
        )

    def __enter__(self) -> Self:
        if self._rest is not None:
            self._rest.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()
        if self._rest is not None:
            self._rest.__exit__(kind, error, traceback)

    def names(self) -> Iterator[str]:
        """Yield the names of the other source: URLs cannot be listed."""
        yield from self._rest.names() if self._rest is not None else ()

    def find(self, external_id_or_name: str) -> str | None:
        """Return a URL as it is; ask the other source for any other name."""
        if is_url(external_id_or_name):
            return external_id_or_name
        return self._rest.find(external_id_or_name) if self._rest is not None else None

    def read(self, name: str) -> bytes:
        """Return a photo's bytes; see `PhotoSource.read`.

        Raises:
            PhotoRejected: for a URL also `unreachable` (no answer in time, or an error status) and `not_fetched`.
        """
        if not is_url(name):
            if self._rest is None:
                raise FileNotFoundError(name)
            return self._rest.read(name)
        if not self._fetches:
            raise PhotoRejected("not_fetched", f"{name} is a URL; `lookalike ingest --fetch-photos` fetches it")
        try:
            return self._fetch(name)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PhotoRejected("unreachable", f"{name} cannot be fetched: {error or type(error).__name__}") from error

    def _fetch(self, url: str) -> bytes:
        content = bytearray()
        with self._client.stream("GET", url) as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                content += part
                if len(content) > self._max_bytes:
                    raise PhotoRejected("too_large", f"{url} is larger than {self._max_bytes} bytes")
        return bytes(content)


def is_url(name: str) -> bool:
    """Say whether a photo's name is an HTTP URL."""
    return name.casefold().startswith(("http://", "https://"))
