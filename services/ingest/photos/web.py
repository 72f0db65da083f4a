"""A photo source that downloads URLs, reads `data:` URLs, and reads other names from a folder or archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.photos.opening import DEFAULT_LIMITS
from services.errors import PhotoRejected
from services.fetching.data_urls import read_data_url
from services.ingest.photos.fetched_once import FetchedOnce
from services.ingest.photos.urls import is_data_url, is_url, looks_like_url, other_scheme
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from services.fetching.photo_fetcher import PhotoFetcher
    from services.ingest.photos.sources import PhotoSource


class WebPhotos:
    """Downloads names that are URLs, and reads other names from a local source, if there is one.

    Without a fetcher it rejects URLs as `not_fetched`. A URL of several listings is downloaded once.
    """

    def __init__(
        self, local: PhotoSource | None, fetcher: PhotoFetcher | None, *, max_bytes: int = DEFAULT_LIMITS.max_bytes
    ) -> None:
        """Read from these sources; `max_bytes` limits the photos in `data:` URLs."""
        self._local, self._max_bytes = local, max_bytes
        self._fetcher = FetchedOnce(fetcher) if fetcher is not None else None

    @property
    def label(self) -> str:
        """The local source, as named in rejects."""
        return self._local.label if self._local is not None else "the upload: it has no folder or archive of photos"

    def __enter__(self) -> Self:
        if self._local is not None:
            self._local.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._local is not None:
            self._local.__exit__(kind, error, traceback)

    def find(self, id_or_name: str) -> str | None:
        """Return a URL unchanged; look up any other name in the local source.

        Raises:
            PhotoRejected: `unsupported_url` or `bad_url`: the local source has no such photo, and the name is a URL
                with another scheme or without one; see also `PhotoNames.find`.
        """
        if is_url(id_or_name):
            return id_or_name
        if scheme := other_scheme(id_or_name):
            problem = f"{id_or_name} begins with {scheme}:, and only http: and https: can be fetched. Use such a URL"
            raise PhotoRejected(RejectReason.UNSUPPORTED_URL, problem)
        found = self._local.find(id_or_name) if self._local is not None else None
        if found is None and looks_like_url(id_or_name):
            problem = f"{id_or_name!r} is no file, and as a URL it lacks its scheme. Write https:// before it"
            raise PhotoRejected(RejectReason.BAD_URL, problem)
        return found

    def read(self, name: str) -> bytes:
        """Return a photo's bytes; see `PhotoSource.read`.

        Raises:
            PhotoRejected: for a URL also `not_fetched`, and the reasons of `PhotoFetcher.fetch`.
        """
        if not is_url(name):
            if self._local is None:
                raise FileNotFoundError(name)
            return self._local.read(name)
        if is_data_url(name):
            return read_data_url(name, self._max_bytes)
        if self._fetcher is None:
            raise PhotoRejected(
                RejectReason.NOT_FETCHED,
                f"{name} is a URL. Turn fetching on: --fetch-photos, or fetch_photos=true in a bulk call",
            )
        return self._fetcher.fetch(name)
