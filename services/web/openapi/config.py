"""Serves the OpenAPI document and Swagger UI at `/docs`; every asset comes from this process."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litestar import Request, Router
from litestar.datastructures import ResponseHeader
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, OpenAPI, SecurityScheme
from litestar.static_files import create_static_files_router

from services.web.openapi.document import CompleteOpenAPI
from services.web.openapi.introduction import BASE_URL, described

if TYPE_CHECKING:
    from services.settings import Settings

_ASSETS = "/docs/assets"

_ONLY_US = (
    "default-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'"
)
"""Stops the browser from loading anything from another host. Litestar writes its script inline."""


_DARK_IF_PREFERRED = (
    b"<head><script>if (matchMedia('(prefers-color-scheme: dark)').matches) "
    b"document.documentElement.classList.add('dark-mode')</script>"
)
"""Swagger UI has dark colours, but only its standalone layout turns them on."""


class _Page(SwaggerRenderPlugin):
    """Swagger UI, whose examples name the address that the page was opened at."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        info = openapi_schema["info"]
        text = info["description"].replace(BASE_URL, str(request.base_url).rstrip("/"))
        page = super().render(request, openapi_schema | {"info": info | {"description": text}})
        return page.replace(b"<head>", _DARK_IF_PREFERRED, 1)


def openapi_config(title: str, version: str, settings: Settings) -> OpenAPIConfig:
    """Return the OpenAPI settings: the page at `/docs`, the document at `/docs/openapi.json`."""

    class Described(CompleteOpenAPI):
        def to_schema(self) -> dict[str, Any]:
            return described(super().to_schema(), settings)

    class Config(OpenAPIConfig):
        def to_openapi_schema(self) -> OpenAPI:
            return Described(**vars(super().to_openapi_schema()))

    page = _Page(
        path="/",
        js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        css_url=f"{_ASSETS}/swagger-ui.css",
        standalone_preset_js_url=f"{_ASSETS}/swagger-ui-standalone-preset.js",
        favicon=f"<link rel='icon' href='{_ASSETS}/favicon-32x32.png'>",
    )
    header = ResponseHeader(name="Content-Security-Policy", value=_ONLY_US)
    return Config(
        title=title,
        version=version,
        openapi_router=Router("/docs", route_handlers=[], include_in_schema=False, response_headers=[header]),
        render_plugins=[page],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,  # generated clients name methods so
        components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"key": []}, {}],
    )


def docs_assets() -> Router:
    """Return the route of Swagger UI's files.

    They come from flask-swagger-ui, which follows Swagger UI's releases within a week; its code is not imported.
    """
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("flask-swagger-ui is not installed. Install Lookalike with its dependencies.")
    return create_static_files_router(
        path=_ASSETS, directories=[Path(spec.origin).parent / "dist"], include_in_schema=False
    )
