"""A Qdrant server that is not there, or does not answer, is an error that names its URL."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from qdrant_client import QdrantClient

from db.vectors.qdrant_server import QdrantServerIndex

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


def test_a_server_that_is_not_there_is_a_connection_error_that_names_its_url(refusing_port: int) -> None:
    url = f"http://127.0.0.1:{refusing_port}"

    with pytest.raises(ConnectionError, match=f"Qdrant at {url} cannot be reached"):
        QdrantServerIndex(QdrantClient(url=url, timeout=2, check_compatibility=False), "photos", 64)


def test_a_server_that_never_answers_is_a_connection_error_after_the_timeout(silent_port: int) -> None:
    url = f"http://127.0.0.1:{silent_port}"

    with pytest.raises(ConnectionError, match=r"timed out"):
        QdrantServerIndex(QdrantClient(url=url, timeout=1, check_compatibility=False), "photos", 64)
