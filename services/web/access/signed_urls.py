"""Signed URLs: a browser that has one needs no key, so pages can show photos with `<img>`, and a report in a frame."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from services.errors import BadQuery
from services.signing import InvalidSignature, Purpose, SignatureExpired
from services.web.access.following import refreshing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar
    from litestar.connection import ASGIConnection

    from services.signing import Signer

_REFRESH_S = 30.0

SIGNATURE = "sig"
"""The query parameter."""

_ADVICE = "Take the URL unchanged from a new answer, or send an API key."


def signed_photo(photo_id: int, version: str) -> bytes:
    """Return what the signature of a photo's URL covers; it is valid for the photo in any size."""
    return f"{photo_id} {version}".encode()


def signed_report(model_version: str) -> bytes:
    """Return what the signature of a report's URL covers."""
    return model_version.encode()


def _content_of(purpose: Purpose, connection: ASGIConnection[Any, Any, Any, Any]) -> bytes:
    version = str(connection.query_params.get("v", ""))
    if purpose is Purpose.REPORT:
        return signed_report(version)
    return signed_photo(connection.path_params["photo_id"], version)


class SignedUrls:
    """Checks the signatures of URLs, without waiting for the database or a thread."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def check(self, purpose: Purpose, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Check the signature of a URL of a photo or of a report.

        Raises:
            BadQuery: it has expired, or is not of this URL.
        """
        content = _content_of(purpose, connection)
        try:
            self._signer.check_signature(purpose, content, str(connection.query_params[SIGNATURE]))
        except SignatureExpired as error:
            raise BadQuery(SIGNATURE, f"has expired. {_ADVICE}") from error
        except InvalidSignature as error:
            raise BadQuery(SIGNATURE, f"is not the signature of this URL. {_ADVICE}") from error

    @asynccontextmanager
    async def following_keys(self, _app: Litestar) -> AsyncIterator[None]:
        """Read the signing keys twice a minute while the app runs; the first time makes the first key."""
        async with refreshing(partial(to_thread.run_sync, self._signer.refresh), every_s=_REFRESH_S):
            yield
