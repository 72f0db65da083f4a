"""The routes of the page: one HTML file for each of its views, and its modules and styles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath  # noqa: TC002  (Litestar reads it at run time)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.handlers import HTTPRouteHandler

_ASSETS = Path(__file__).parent / "assets"
_VIEWS = ["/", "/listing", "/admin"]
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", "": "text/plain"}
_KEEP = "public, max-age=31536000, immutable"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'{ingest}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
"""Nothing but the page's own files runs, no text becomes HTML, and nobody but this server and the ingest service is
asked for anything."""


@dataclass(frozen=True, slots=True)
class PageFiles:
    """The page's files, read once.

    Attributes:
        index: the HTML, with a place for where the others are.
        others: content by path, as it stands in an address.
        version: tells these files from any others: their addresses hold it, so that browsers may keep them.
    """

    index: str
    others: Mapping[str, bytes]
    version: str

    @classmethod
    def read(cls, folder: Path = _ASSETS) -> PageFiles:
        """Return the files of a folder."""
        contents = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha256()
        for name, content in contents.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        index = contents.pop("index.html").decode()
        return cls(index, contents, digest.hexdigest()[:12])


def page_routes(ingest_url: str = "") -> list[HTTPRouteHandler]:
    """Return the page's routes.

    Args:
        ingest_url: where browsers reach the ingest service, if that is another server: `https://host:port`.
    """
    files = PageFiles.read()
    folder = f"/page/{files.version}"
    ingest = ingest_url.rstrip("/")
    content = files.index.replace("{{assets}}", folder).replace("{{ingest_url}}", ingest)
    headers = {
        "Content-Security-Policy": _POLICY.format(ingest=f" {_origin(ingest)}" if ingest else ""),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",  # addresses hold what was searched by
        "Cache-Control": "no-cache",
    }

    @get(_VIEWS, include_in_schema=False, sync_to_thread=False)
    def page() -> Response[str]:
        """Return the page; which of its views it shows, it sees by its address."""
        return Response(content, media_type=MediaType.HTML, headers=headers)

    @get(f"{folder}/{{path:path}}", include_in_schema=False, sync_to_thread=False)
    def page_file(path: FromPath[str]) -> Response[bytes]:
        """Return one of the page's files."""
        name = path.removeprefix("/")
        if name not in files.others:
            raise NotFoundException
        kept = {"Cache-Control": _KEEP, "X-Content-Type-Options": "nosniff"}
        return Response(files.others[name], media_type=_MEDIA_TYPES[Path(name).suffix], headers=kept)

    return [page, page_file]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
