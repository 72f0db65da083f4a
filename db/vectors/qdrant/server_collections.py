"""Collections on a Qdrant server: its client, making one, deleting one, and what to say when it does not play along."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from db.vectors.qdrant.schema import FLOAT_FIELDS, INTEGER_FIELDS, KEYWORD_FIELDS, VECTOR_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

_INDEXED = {
    **dict.fromkeys(KEYWORD_FIELDS, models.PayloadSchemaType.KEYWORD),
    **dict.fromkeys(FLOAT_FIELDS, models.PayloadSchemaType.FLOAT),
    **dict.fromkeys(INTEGER_FIELDS, models.PayloadSchemaType.INTEGER),
}

_CODES = models.ScalarQuantization(
    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
)
"""One byte a component beside the vectors, by which the graph is walked. Vectors decide among what is found there."""

_SEGMENTS = models.OptimizersConfigDiff(default_segment_number=2, max_segment_size=1_500_000)
"""A search walks the graph of each segment, so few large ones cost less: up to 1.5 GB, 1.4 million photos, in one. Left
alone, Qdrant (1.16) goes by the cores: on two, a million photos lay in four, for two thirds of the searches a second.
The price: for every 10 MB of new vectors the graph of the smallest segment is built anew, at 1.5 seconds of one core
for each 1,000 photos in it. It can be set otherwise on the server: only collections without codes are given this."""

_CONNECTIONS = httpx.Limits(max_connections=100, keepalive_expiry=2.0)
"""Kept open for less than the 5 seconds after which the server closes them, so that none is closed in use. A server
that is told to end serves those in use for up to 30 seconds more, and refuses new ones."""


def connect(url: str, *, timeout: int, api_key: str | None = None) -> QdrantClient:
    """Return a client of the server at `url`, whose calls last `timeout` seconds at most. It connects when it is used.

    Answers are not compressed: on a connection that is kept open, the server (1.16) sends compressed ones in small
    pieces, each when the one before is acknowledged, and a search of 6 ms takes 50.
    """
    with warnings.catch_warnings():
        # Whether the key may go over plain HTTP is for whoever set the URL to judge: a stack has its own network.
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
        return QdrantClient(
            url=url,
            api_key=api_key,
            timeout=timeout,
            check_compatibility=False,
            limits=_CONNECTIONS,
            headers={"Accept-Encoding": "identity"},
        )


@contextmanager
def server_errors(client: QdrantClient) -> Iterator[None]:
    """Turn what the client raises into a ConnectionError, or an OSError for a refusal, that names the URL."""
    url = client.init_options["url"]
    try:
        yield
    except (ResponseHandlingException, QdrantException) as error:
        raise ConnectionError(f"Qdrant at {url} cannot be reached ({error}). Check that it runs") from error
    except UnexpectedResponse as error:
        answer = error.content.decode(errors="replace")
        raise OSError(f"Qdrant at {url} refused, with status {error.status_code}: {answer}") from error


def ensure_collection(client: QdrantClient, collection: str, vector_size: int) -> None:
    """Make the collection, its payload indexes and its codes where they are missing.

    Raises:
        ConnectionError: the server cannot be reached.
        OSError: the server refuses, or the collection holds vectors of another size.
    """
    with server_errors(client):
        if not client.collection_exists(collection):
            _create(client, collection, vector_size)
        held = client.get_collection(collection)
        _check_size(held, collection, vector_size)
        # Also in a collection that was there: its maker may have died before the last of them, or known fewer.
        for field, kind in _INDEXED.items():
            if field not in held.payload_schema:
                client.create_payload_index(collection, field, kind, wait=True)
        if held.config.quantization_config is None:  # one of an earlier version: the server mends it meanwhile
            client.update_collection(collection, quantization_config=_CODES, optimizers_config=_SEGMENTS)


def drop_collection(client: QdrantClient, collection: str) -> None:
    """Delete the collection, and with it every alias on it; one that is not there is fine.

    Raises:
        ConnectionError: the server cannot be reached.
    """
    with server_errors(client):
        client.delete_collection(collection)


def _create(client: QdrantClient, collection: str, vector_size: int) -> None:
    vector = models.VectorParams(size=vector_size, distance=models.Distance.DOT)
    try:
        client.create_collection(
            collection,
            vectors_config={VECTOR_NAME: vector},
            quantization_config=_CODES,
            optimizers_config=_SEGMENTS,
        )
    except UnexpectedResponse as error:
        if error.status_code != HTTPStatus.CONFLICT:  # otherwise another process made it meanwhile
            raise


def _check_size(held: models.CollectionInfo, collection: str, vector_size: int) -> None:
    vectors = held.config.params.vectors
    size = vectors[VECTOR_NAME].size if isinstance(vectors, dict) and VECTOR_NAME in vectors else None
    if size != vector_size:
        raise OSError(
            f"The Qdrant collection {collection} holds vectors of size {size} named {VECTOR_NAME!r}, "
            f"where {vector_size} is needed. Delete it; it is rebuilt from the database"
        )
