"""The search app: search, classify, listings and photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import get
from litestar.response import Redirect

from services.search.controllers import CatalogueController, SearchController, get_listing
from services.search.service import SearchService
from services.web.app import AppPart
from services.web.app import create_app as create_web_app

if TYPE_CHECKING:
    from litestar import Litestar

    from services.resources import Resources


@get("/", include_in_schema=False, sync_to_thread=False, status_code=307)
def start() -> Redirect:
    """Lead to the description of the API."""
    return Redirect("/docs", status_code=307)


def search_part(resources: Resources) -> AppPart:
    """Return what the search service adds to an app."""
    return AppPart(
        [SearchController, CatalogueController, get_listing, start], {"search_service": SearchService(resources)}
    )


def create_app(resources: Resources) -> Litestar:
    """Return the search app alone, as the stack runs it."""
    return create_web_app(resources, title="Lookalike search", parts=[search_part(resources)])
