"""Collections on a Qdrant server: connecting, creating, deleting, and error messages."""

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
"""Quantised copies of the vectors, one byte per component, for the graph search. Vectors rescore its candidates."""

_SEGMENTS = models.OptimizersConfigDiff(default_segment_number=2, max_segment_size=1_500_000)
"""A search walks the graph of every segment, so a few large segments are faster: one holds up to 1.5 GB, 1.4 million
photos. By default, Qdrant (1.16) goes by the number of cores: on two, a million photos lay in four segments, with two
thirds of the searches per second. The price: every 10 MB of new vectors rebuild the graph of the smallest segment, at
1.5 seconds of one core per 1,000 photos in it. A setting made on the server stays: only collections without codes get
this one."""

ANSWER_TIMEOUT_S = 3
"""Seconds that a request of a user waits for the server; then the other engine answers."""

CHECK_TIMEOUT_S = 1.0
"""Seconds within which a server that works answers the smallest request."""

_CONNECTIONS = httpx.Limits(max_connections=100, keepalive_expiry=2.0)
"""Idle connections are closed before the server closes them after 5 seconds, so that none is closed in use. A server
that is shutting down serves open connections for up to 30 seconds, and refuses new ones."""


def connect(url: str, *, timeout: int, api_key: str | None = None) -> QdrantClient:
    """Return a client of the server at `url`, with a timeout in seconds for each call. It connects on first use.

    Responses are not compressed: on a kept-alive connection, the server (1.16) sends compressed responses in small
    pieces and waits for each acknowledgement, so that a search of 6 ms takes 50 ms.
    """
    with warnings.catch_warnings():
        # The operator decides whether the key may go over plain HTTP: a container stack has its own network.
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
    """Convert the client's exceptions to a ConnectionError, or an OSError for a refusal, that names the URL."""
    url = client.init_options["url"]
    try:
        yield
    except (ResponseHandlingException, QdrantException) as error:
        raise ConnectionError(f"Qdrant at {url} cannot be reached ({error}). Check that it is running") from error
    except UnexpectedResponse as error:
        answer = error.content.decode(errors="replace")
        raise OSError(f"Qdrant at {url} refused the request with status {error.status_code}: {answer}") from error


def check_server(client: QdrantClient) -> None:
    """Check that the server answers within a second, and accepts the key.

    Raises:
        ConnectionError: it does not answer.
        OSError: it refuses.
    """
    with server_errors(client):
        client.http.client.request(
            type_=models.InlineResponse2009,
            method="GET",
            url="/collections/photos/exists",
            timeout=CHECK_TIMEOUT_S,
        )


def ensure_collection(client: QdrantClient, collection: str, vector_size: int) -> None:
    """Create the collection, its payload indexes and its quantised codes if they are missing.

    Raises:
        ConnectionError: the server cannot be reached.
        OSError: the server refuses, or the collection holds vectors of another size.
    """
    with server_errors(client):
        if not client.collection_exists(collection):
            _create(client, collection, vector_size)
        held = client.get_collection(collection)
        _check_size(held, collection, vector_size)
        # Also in an existing collection: its creator may have died before the last index, or be an older version.
        for field, kind in _INDEXED.items():
            if field not in held.payload_schema:
                client.create_payload_index(collection, field, kind, wait=True)
        if held.config.quantization_config is None:  # an earlier version: the server adds codes in the background
            client.update_collection(collection, quantization_config=_CODES, optimizers_config=_SEGMENTS)


def drop_collection(client: QdrantClient, collection: str) -> None:
    """Delete the collection, if it exists, with all its aliases.

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
        if error.status_code != HTTPStatus.CONFLICT:  # another process created it meanwhile
            raise


def _check_size(held: models.CollectionInfo, collection: str, vector_size: int) -> None:
    vectors = held.config.params.vectors
    size = vectors[VECTOR_NAME].size if isinstance(vectors, dict) and VECTOR_NAME in vectors else None
    if size != vector_size:
        raise OSError(
            f"The Qdrant collection {collection} holds vectors of size {size} named {VECTOR_NAME!r}; "
            f"size {vector_size} is needed. Delete the collection: it is then rebuilt from the database"
        )
