"""ImageNet weights are downloaded from a local HTTP server, checked and cached."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from ml.network.imagenet_weights import imagenet_weights
from ml.network.trunk_weights import WeightsError
from tests.sites import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@contextmanager
def server(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve every GET with `respond`; yields the URL of a weights file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/models/resnet50.pth"
        finally:
            running.shutdown()
            thread.join()


def send(handler: BaseHTTPRequestHandler, body: bytes, *, length: int | None = None) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)


def send_all(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BODY, length=len(BODY))


def test_a_download_is_cached_under_the_name_in_the_url(tmp_path: Path) -> None:
    with server(send_all) as url:
        path = imagenet_weights(tmp_path / "cache", url=url, sha256=SHA256[:8])
    assert path == tmp_path / "cache" / "resnet50.pth"
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]


def test_progress_counts_up_to_the_last_byte(tmp_path: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    with server(send_all) as url:
        imagenet_weights(tmp_path, url=url, sha256=SHA256, progress=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)
    assert len(progress) > 1


def test_downloads_from_a_server_that_states_no_length(tmp_path: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    with server(lambda handler: send(handler, BODY)) as url:
        imagenet_weights(tmp_path, url=url, sha256=SHA256, progress=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (len(BODY), None)


def test_an_intact_cached_file_is_not_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "resnet50.pth").write_bytes(BODY)
    unreachable = f"http://127.0.0.1:{free_port()}/resnet50.pth"
    assert imagenet_weights(tmp_path, url=unreachable, sha256=SHA256).read_bytes() == BODY


def test_a_damaged_cached_file_is_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / "resnet50.pth").write_bytes(BODY[:-1])
    with server(send_all) as url:
        assert imagenet_weights(tmp_path, url=url, sha256=SHA256).read_bytes() == BODY


def download_error(url: str, cache: Path, *, timeout: float = 30.0) -> str:
    """Return the message of a failing download, which must leave no files."""
    with pytest.raises(WeightsError, match="--weights FILE") as caught:
        imagenet_weights(cache, url=url, sha256=SHA256, timeout=timeout)
    assert list(cache.iterdir()) == []
    return str(caught.value)


def test_rejects_a_wrong_checksum(tmp_path: Path) -> None:
    with server(lambda handler: send(handler, b"<html>captive portal</html>", length=27)) as url:
        assert "SHA-256" in download_error(url, tmp_path)


def test_reports_an_error_status(tmp_path: Path) -> None:
    with server(lambda handler: handler.send_error(404)) as url:
        assert "status 404" in download_error(url, tmp_path)


def test_reports_a_refused_connection(tmp_path: Path) -> None:
    assert "the download failed" in download_error(f"http://127.0.0.1:{free_port()}/resnet50.pth", tmp_path)


def test_reports_an_unknown_host(tmp_path: Path) -> None:
    assert "the download failed" in download_error("http://no.such.host.invalid/resnet50.pth", tmp_path)


def test_rejects_an_incomplete_body_and_succeeds_on_the_next_try(tmp_path: Path) -> None:
    with server(lambda handler: send(handler, BODY[:5000], length=len(BODY))) as url:
        assert "the download failed" in download_error(url, tmp_path)
    with server(send_all) as url:
        assert imagenet_weights(tmp_path, url=url, sha256=SHA256).read_bytes() == BODY


def test_gives_up_on_a_server_that_stops_sending(tmp_path: Path) -> None:
    finished = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, BODY[:1000], length=len(BODY))
        finished.wait(20)

    with server(stall) as url:
        try:
            assert "timed out" in download_error(url, tmp_path, timeout=0.2)
        finally:
            finished.set()


def test_follows_a_redirect(tmp_path: Path) -> None:
    with server(send_all) as target:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.end_headers()

        with server(redirect) as url:
            assert imagenet_weights(tmp_path, url=url, sha256=SHA256).read_bytes() == BODY


def test_reports_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with server(send_all) as url, pytest.raises(WeightsError, match="cannot be written"):
        imagenet_weights(tmp_path / "file" / "cache", url=url, sha256=SHA256)
