"""Collections on a Qdrant server: making one, deleting one, and what to say when the server does not play along."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from qdrant_client import models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from db.vectors.qdrant_schema import FLOAT_FIELDS, INTEGER_FIELDS, KEYWORD_FIELDS, VECTOR_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qdrant_client import QdrantClient

_INDEXED = {
    **dict.fromkeys(KEYWORD_FIELDS, models.PayloadSchemaType.KEYWORD),
    **dict.fromkeys(FLOAT_FIELDS, models.PayloadSchemaType.FLOAT),
    **dict.fromkeys(INTEGER_FIELDS, models.PayloadSchemaType.INTEGER),
}


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
    """Make the collection and its payload indexes where they are missing.

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
        client.create_collection(collection, vectors_config={VECTOR_NAME: vector})
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
