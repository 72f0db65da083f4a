"""The routes of the page: the same HTML for each view, and its modules and styles."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath  # noqa: TC002  (Litestar reads it at run time)

from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.handlers import HTTPRouteHandler

_ASSETS = Path(__file__).parent / "assets"
_VIEWS = ["/", "/listing", "/admin"]
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", "": "text/plain"}
_CACHE_FOREVER = "public, max-age=31536000, immutable"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'{ingest}; "
    "frame-src 'self'{ingest}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
"""Runs only the page's own files, turns no text into HTML, and connects only to this server and the ingest service."""


@dataclass(frozen=True, slots=True)
class PageFiles:
    """The page's files, read once.

    Attributes:
        index: the HTML, with placeholders for the addresses of the other files and of the ingest service.
        others: content by path.
        version: hash of all files; it is part of their addresses, so browsers can cache them forever.
    """

    index: str
    others: Mapping[str, bytes]
    version: str

    @classmethod
    def read(cls, folder: Path = _ASSETS) -> PageFiles:
        contents = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        contents["admin/codes.js"] = _explanations()
        digest = hashlib.sha256()
        for name, content in contents.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        index = contents.pop("index.html").decode()
        return cls(index, contents, digest.hexdigest()[:12])


def _explanations() -> bytes:
    """Return a module with the explanation of each code in the reports of a job."""
    codes: list[RejectReason | ListingFlag] = [*RejectReason, *ListingFlag]
    return f"export default {json.dumps({code.value: code.explanation for code in codes})};\n".encode()


def page_routes(ingest_url: str) -> list[HTTPRouteHandler]:
    """Return the page's routes.

    Args:
        ingest_url: `https://host:port` of the ingest service as browsers reach it; empty if it is this server.
    """
    files = PageFiles.read()
    folder = f"/page/{files.version}"
    ingest = ingest_url.rstrip("/")
    content = files.index.replace("{{assets}}", folder).replace("{{ingest_url}}", ingest)
    page_headers = {
        "Content-Security-Policy": _POLICY.format(ingest=f" {_origin(ingest)}" if ingest else ""),
        "Cache-Control": "no-cache",
    }

    @get(_VIEWS, include_in_schema=False, sync_to_thread=False)
    def page() -> Response[str]:
        """Return the page; its scripts choose the view by the address."""
        return Response(content, media_type=MediaType.HTML, headers=page_headers)

    @get(f"{folder}/{{path:path}}", include_in_schema=False, sync_to_thread=False)
    def page_file(path: FromPath[str]) -> Response[bytes]:
        """Return one of the page's files."""
        name = path.removeprefix("/")
        if name not in files.others:
            raise NotFoundException
        headers = {"Cache-Control": _CACHE_FOREVER}
        return Response(files.others[name], media_type=_MEDIA_TYPES[Path(name).suffix], headers=headers)

    return [page, page_file]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
