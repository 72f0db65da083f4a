"""Signed URLs of photos: a browser that has one needs no key, so a shop's page can show photos with `<img>`."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from services.errors import BadQuery
from services.signing import InvalidSignature, Purpose, SignatureExpired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar
    from litestar.connection import ASGIConnection

    from services.signing import Signer

log = logging.getLogger(__name__)

_REFRESH_S = 30.0

SIGNATURE = "sig"
"""The query parameter."""

_ADVICE = "Take the photo's URL unchanged from a new answer, or send an API key."


def signed_photo(photo_id: int, version: str) -> bytes:
    """Return what the signature of a photo's URL covers; it is valid for the photo in any size."""
    return f"{photo_id} {version}".encode()


class SignedUrls:
    """Checks the signatures of URLs, without waiting for the database or a thread."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def check_photo(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Check the signature of a photo's URL.

        Raises:
            BadQuery: it has expired, or is not of this URL.
        """
        query = connection.query_params
        content = signed_photo(connection.path_params["photo_id"], str(query.get("v", "")))
        try:
            self._signer.check_signature(Purpose.PHOTO, content, str(query[SIGNATURE]))
        except SignatureExpired as error:
            raise BadQuery(SIGNATURE, f"has expired. {_ADVICE}") from error
        except InvalidSignature as error:
            raise BadQuery(SIGNATURE, f"is not the signature of this URL. {_ADVICE}") from error

    @asynccontextmanager
    async def following_keys(self, _app: Litestar) -> AsyncIterator[None]:
        """Read the signing keys twice a minute while the app runs; the first time makes the first key."""
        async with anyio.create_task_group() as group:
            await self._read_keys()
            group.start_soon(self._follow_keys)
            yield
            group.cancel_scope.cancel()

    async def _follow_keys(self) -> None:
        while True:
            await anyio.sleep(_REFRESH_S)
            await self._read_keys()

    async def _read_keys(self) -> None:
        try:
            await to_thread.run_sync(self._signer.refresh)
        except SQLAlchemyError as error:  # calls that need a signature say so
            log.debug("cannot read the signing keys: %s", error)
