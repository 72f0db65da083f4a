"""Assembles an app: routes of its parts, access control, problem details, health, metrics, OpenAPI, limits."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from litestar import Controller, Litestar
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.routes import HTTPRoute

from ml.embedding.batch_queue import BatchLimits
from services.web.access.guard import Access
from services.web.browsers.cross_site import BrowserGuard
from services.web.browsers.security_headers import send_security_headers
from services.web.damage_check import DamageCheck
from services.web.health import HealthController
from services.web.index_refresh import index_refresh
from services.web.limits.open_requests import OpenRequests
from services.web.limits.slow_bodies import LARGE_BODY, BodyDeadline
from services.web.limits.threads import WorkerThreads
from services.web.locations import name_location
from services.web.metrics import MetricsController, request_metrics
from services.web.openapi.config import docs_assets, openapi_config
from services.web.problems import problem_handlers
from services.web.request_ids import send_request_id
from services.web.requests import CarefulRequest, check_request, decode_upload, is_upload
from services.web.slashes import SlashKeepingApp, restore_slashes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from litestar.types import ControllerRouterHandler, Message, Middleware, Scope

    from services.settings import Settings
    from services.web.ports import WebResources

FORM_ALLOWANCE = 64 * 1024
"""Bytes for a form's other fields and separators, besides the photo."""


@dataclass(frozen=True, slots=True)
class AppPart:
    """What one service adds to an app.

    Attributes:
        handlers: controllers and functions. If two parts share a path, one of them must use a function there: Litestar
            refuses two controllers.
        dependencies: values that handlers receive by name; a `Provide` makes a value for each request.
        lifespans: context managers that run as long as the app.
    """

    handlers: Sequence[ControllerRouterHandler]
    dependencies: Mapping[str, object]
    lifespans: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = ()


def create_app(resources: WebResources, *, title: str, parts: Sequence[AppPart]) -> Litestar:
    """Return an app of these parts, whose handlers may also take `resources` and `workers`.

    While it serves, the indexes follow the change feed; when it stops, they are persisted. There are more threads than
    cores, because a thread waits while its photo is embedded, and only waiting photos can share a batch.
    """
    settings = resources.settings
    workers = WorkerThreads(settings.thread_count + BatchLimits().max_batch)
    dependencies: dict[str, object] = {"resources": resources, "workers": workers}
    for part in parts:
        dependencies |= part.dependencies
    access, open_requests = Access(resources, workers), OpenRequests()
    return SlashKeepingApp(
        route_handlers=_route_handlers(parts),
        dependencies={name: _provided(value) for name, value in dependencies.items()},
        lifespan=[
            index_refresh(resources.live, interval_s=settings.follow_interval_s),
            *access.lifespans,
            DamageCheck(resources.database).running,
            *(lifespan for part in parts for lifespan in part.lifespans),
        ],
        exception_handlers=problem_handlers(),
        guards=[access.check],
        before_send=[send_request_id, send_security_headers, access.trail.record, _allow_all_methods],
        middleware=_middleware(settings, access, open_requests),
        state=State({"open_requests": open_requests}),
        cors_config=access.origins,
        openapi_config=openapi_config(title, version("lookalike"), settings),
        request_class=CarefulRequest,
        before_request=check_request,
        after_request=name_location,
        type_decoders=[(is_upload, decode_upload)],
        request_max_body_size=settings.max_upload_bytes + FORM_ALLOWANCE,
        logging_config=None,
    )


def _middleware(settings: Settings, access: Access, open_requests: OpenRequests) -> list[Middleware]:
    """Return the middleware, the outermost first."""
    return [
        restore_slashes,
        BrowserGuard(settings, access.keys),
        request_metrics().middleware,
        open_requests,
        BodyDeadline(settings.body_timeout_s),
    ]


def _route_handlers(parts: Sequence[AppPart]) -> list[ControllerRouterHandler]:
    own = sorted((handler for part in parts for handler in part.handlers), key=_is_function)
    return [*own, HealthController, MetricsController, docs_assets()]


def _is_function(handler: ControllerRouterHandler) -> bool:
    """Sort key: functions last, since Litestar 2.25 adds an OPTIONS route per controller and refuses a second one."""
    return not isinstance(handler, type)


async def _allow_all_methods(message: Message, scope: Scope) -> None:
    """Put all methods of a path into Allow when it answers OPTIONS; a `before_send` hook.

    Litestar 2.25 names only the methods of the first controller with this path.
    """
    if message["type"] != "http.response.start" or scope.get("method") != "OPTIONS":
        return
    headers = MutableScopeHeaders.from_message(message)
    for route in scope["litestar_app"].routes if "allow" in headers else ():
        if isinstance(route, HTTPRoute) and route.path_format == scope.get("path_template"):
            headers["Allow"] = ", ".join(sorted(route.methods))


def with_large_bodies(controller: type[Controller], max_bytes: int) -> type[Controller]:
    """Return the controller with a body limit of `max_bytes`; its bodies may also take longer to arrive."""
    opt = {**vars(controller).get("opt", {}), LARGE_BODY: True}
    return type(controller.__name__, (controller,), {"request_max_body_size": max_bytes, "opt": opt})


def _provided(value: object) -> Provide:
    return value if isinstance(value, Provide) else Provide(lambda: value, sync_to_thread=False)
