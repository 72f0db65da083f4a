"""Photos named by URL are fetched from a real HTTP server on loopback."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from services.errors import PhotoRejected
from services.ingest.photo_urls import WebPhotos
from services.ingest.photos import open_photos

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved.jpg":
            self.send_response(302)
            self.send_header("Location", "/photo.jpg")
            self.end_headers()
            return
        content = {"/photo.jpg": b"photo", "/huge.jpg": b"x" * 5000}.get(self.path)
        self.send_response(200 if content else 404)
        self.end_headers()
        self.wfile.write(content or b"gone")

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["photo.jpg", "moved.jpg"])
def test_a_url_is_fetched_also_through_a_redirect(site: str, path: str) -> None:
    with WebPhotos(None, fetch=True, max_bytes=1000) as photos:
        assert photos.find(f"{site}/{path}") == f"{site}/{path}"
        assert photos.read(f"{site}/{path}") == b"photo"


@pytest.mark.parametrize(
    ("path", "reason"), [("none.jpg", "unreachable"), ("huge.jpg", "too_large"), (":x/", "unreachable")]
)
def test_what_cannot_be_fetched_is_a_reject_with_a_reason(site: str, path: str, reason: str) -> None:
    with WebPhotos(None, fetch=True, max_bytes=1000) as photos, pytest.raises(PhotoRejected) as caught:
        photos.read(f"{site}/{path}" if path[0] != ":" else f"http://{path}")
    assert caught.value.reason == reason


def test_a_url_is_refused_where_fetching_is_not_allowed(site: str) -> None:
    with WebPhotos(None, fetch=False, max_bytes=1000) as photos, pytest.raises(PhotoRejected, match="--fetch-photos"):
        photos.read(f"{site}/photo.jpg")


def test_other_names_come_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"local")
    with WebPhotos(open_photos(tmp_path), fetch=True, max_bytes=1000) as photos:
        assert photos.find("a") == "a.jpg"
        assert photos.read("a.jpg") == b"local"


def test_without_a_folder_other_names_are_not_found() -> None:
    with WebPhotos(None, fetch=True, max_bytes=1000) as photos:
        assert photos.find("a.jpg") is None
        assert list(photos.names()) == []
