"""Connections to a Qdrant server: reuse, and errors that name the URL."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

import pytest

from db.vectors.qdrant.server import QdrantServerIndex
from db.vectors.qdrant.server_collections import connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_an_unreachable_server_is_a_connection_error_with_its_url(refusing_port: int) -> None:
    url = f"http://127.0.0.1:{refusing_port}"

    with pytest.raises(ConnectionError, match=f"Qdrant at {url} cannot be reached"):
        QdrantServerIndex(connect(url, timeout=2), "photos", 64)


def test_an_unresponsive_server_is_a_connection_error_after_the_timeout(silent_port: int) -> None:
    url = f"http://127.0.0.1:{silent_port}"

    with pytest.raises(ConnectionError, match=r"timed out"):
        QdrantServerIndex(connect(url, timeout=1), "photos", 64)


class Noting(BaseHTTPRequestHandler):
    """Says of each collection that it is there, and notes from where it was asked, and which encodings are accepted."""

    protocol_version = "HTTP/1.1"
    noted: ClassVar[list[tuple[int, str | None]]] = []

    def do_GET(self) -> None:
        self.noted.append((self.client_address[1], self.headers["Accept-Encoding"]))
        content = b'{"result": {"exists": true}, "status": "ok", "time": 0}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_connection_is_reused_and_responses_are_not_compressed() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Noting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client = connect(f"http://127.0.0.1:{server.server_port}", timeout=5)
        try:
            assert [client.collection_exists(name) for name in ("lamps", "chairs")] == [True, True]
        finally:
            client.close()
            server.shutdown()

    (first, encoding), second = Noting.noted
    assert (second, encoding) == ((first, "identity"), "identity")
