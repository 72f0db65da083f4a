"""The search app: search, classify, listings and photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Router, get
from litestar.di import Provide
from litestar.response import Redirect

from services.search.controllers import CatalogueController, SearchController
from services.search.service import SearchService
from services.web.app import create_app as create_web_app

if TYPE_CHECKING:
    from litestar import Litestar

    from services.resources import Resources


@get("/", include_in_schema=False, sync_to_thread=False, status_code=307)
def start() -> Redirect:
    """Lead to the description of the API."""
    return Redirect("/docs", status_code=307)


def search_routes(resources: Resources) -> Router:
    """Return every route of the search app."""
    service = SearchService(resources)
    return Router(
        path="/",
        route_handlers=[start, SearchController, CatalogueController],
        dependencies={"search_service": Provide(lambda: service, sync_to_thread=False)},
    )


def create_app(resources: Resources) -> Litestar:
    """Return the search app alone, as the stack runs it."""
    return create_web_app(resources, title="Lookalike search", controllers=[search_routes(resources)])
