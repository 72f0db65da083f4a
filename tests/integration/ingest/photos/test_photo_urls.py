"""Photos named by URL are downloaded from a real HTTP server on loopback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.errors import PhotoRejected
from services.fetching.photo_fetcher import FetchLimits, PhotoFetcher
from services.ingest.photos import fetched_once
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


def test_downloads_a_url_of_several_listings_once(fetcher: PhotoFetcher) -> None:
    with running_site() as site, WebPhotos(None, fetcher) as photos, ThreadPoolExecutor(8) as pool:
        urls = [f"{site.url}/slow-to-answer"] * 20
        assert list(pool.map(photos.read, urls)) == [b"photo"] * 20
        assert site.request_counts == {"/slow-to-answer": 1}


def test_asks_again_for_a_url_that_did_not_answer(fetcher: PhotoFetcher) -> None:
    with running_site() as site, WebPhotos(None, fetcher) as photos:
        with pytest.raises(PhotoRejected):
            photos.read(f"{site.url}/flaky")
        assert photos.read(f"{site.url}/flaky") == b"photo"


def test_forgets_old_downloads(fetcher: PhotoFetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched_once, "_KEPT_BYTES", 12)
    with running_site() as site, WebPhotos(None, fetcher) as photos:
        for query in ("", "?a", "?b", "?b", ""):
            photos.read(f"{site.url}/gzip{query}")
        assert site.request_counts == {"/gzip": 2, "/gzip?a": 1, "/gzip?b": 1}


def test_reads_data_urls_although_fetching_is_off() -> None:
    with WebPhotos(None, None) as photos:
        assert photos.read("data:image/png;base64,cGhvdG8=") == b"photo"


def test_rejects_a_photo_in_a_data_url_beyond_the_limit() -> None:
    with WebPhotos(None, None, max_bytes=4) as photos, pytest.raises(PhotoRejected, match="more than 4 bytes"):
        photos.read("data:image/png;base64,cGhvdG8=")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("ftp://x.example/a.jpg", "unsupported_url"), ("s3://bucket/a.jpg", "unsupported_url"),
     ("127.0.0.1:8090/a.jpg", "bad_url"), ("cdn.example.com/a.jpg", "bad_url")],
)  # fmt: skip
def test_says_what_is_wrong_with_other_urls(name: str, reason: str, tmp_path: Path) -> None:
    for local in (None, open_photos(tmp_path)):
        with WebPhotos(local, None) as photos, pytest.raises(PhotoRejected) as caught:
            photos.find(name)
        assert caught.value.reason == reason


def test_finds_a_file_whose_folder_looks_like_a_host(tmp_path: Path) -> None:
    (tmp_path / "cdn.example.com").mkdir()
    (tmp_path / "cdn.example.com" / "a.jpg").write_bytes(b"local")
    with WebPhotos(open_photos(tmp_path), None) as photos:
        assert photos.find("cdn.example.com/a.jpg") == "cdn.example.com/a.jpg"


def test_reads_other_names_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"local")
    with WebPhotos(open_photos(tmp_path), None) as photos:
        assert photos.find("a") == "a.jpg"
        assert photos.read("a.jpg") == b"local"


def test_finds_no_other_names_without_a_folder() -> None:
    with WebPhotos(None, None) as photos:
        assert photos.find("a.jpg") is None
