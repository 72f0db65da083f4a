"""Photos named by URL, fetched over HTTP, beside those of a folder or archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.errors import PhotoRejected
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from services.fetching.photo_fetcher import PhotoFetcher
    from services.ingest.photos.sources import PhotoSource


class WebPhotos:
    """A photo source that fetches names that are URLs, and asks another source, if there is one, for the rest.

    Without a fetcher it refuses URLs, each with a reason.
    """

    def __init__(self, rest: PhotoSource | None, fetcher: PhotoFetcher | None) -> None:
        self._rest, self._fetcher = rest, fetcher

    @property
    def place(self) -> str:
        """The other source."""
        return self._rest.place if self._rest is not None else "what was given: no folder or archive of photos"

    def __enter__(self) -> Self:
        if self._rest is not None:
            self._rest.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
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
            PhotoRejected: for a URL also `not_fetched`, and what `PhotoFetcher.fetch` says.
        """
        if not is_url(name):
            if self._rest is None:
                raise FileNotFoundError(name)
            return self._rest.read(name)
        if self._fetcher is None:
            raise PhotoRejected(
                RejectReason.NOT_FETCHED, f"{name} is a URL. Fetch URLs with `lookalike ingest --fetch-photos`"
            )
        return self._fetcher.fetch(name)


def is_url(name: str) -> bool:
    """Say whether a photo's name is an HTTP URL."""
    return name.casefold().startswith(("http://", "https://"))
