"""Photos named by URL are downloaded from a real HTTP server on loopback."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.errors import PhotoRejected
from services.fetching.photo_fetcher import FetchLimits, PhotoFetcher
from services.ingest.photos.sources import open_photos
from services.ingest.photos.web import WebPhotos
from tests.sites import running_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fetcher() -> Iterator[PhotoFetcher]:
    fetcher = PhotoFetcher(FetchLimits(1000, allowed=(ip_network("127.0.0.1/32"),), tries=1))
    yield fetcher
    fetcher.close()


def test_downloads_a_photo_by_url(fetcher: PhotoFetcher) -> None:
    with running_site() as site, WebPhotos(None, fetcher) as photos:
        assert photos.find(f"{site.url}/photo.jpg") == f"{site.url}/photo.jpg"
        assert photos.read(f"{site.url}/photo.jpg") == b"photo"


def test_rejects_a_url_when_fetching_is_off() -> None:
    with WebPhotos(None, None) as photos, pytest.raises(PhotoRejected, match="--fetch-photos"):
        photos.read("http://example.com/photo.jpg")


def test_reads_other_names_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"local")
    with WebPhotos(open_photos(tmp_path), None) as photos:
        assert photos.find("a") == "a.jpg"
        assert photos.read("a.jpg") == b"local"


def test_finds_no_other_names_without_a_folder() -> None:
    with WebPhotos(None, None) as photos:
        assert photos.find("a.jpg") is None
