"""What every app of ours has: problem details, health, metrics, the API's description, request ids, body limits."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from litestar import Controller, Litestar
from litestar.di import Provide
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController

from ml.embedding.batch_queue import BatchLimits
from services.web.access import Access
from services.web.cross_origin import cors_config
from services.web.following import following
from services.web.health import HealthController
from services.web.limits.slow_bodies import LARGE_BODY, BodyDeadline
from services.web.limits.threads import WorkerThreads
from services.web.openapi.config import docs_assets, openapi_config
from services.web.options import tell_all_methods
from services.web.problems import problem_handlers
from services.web.request_ids import send_request_id
from services.web.requests import CarefulRequest, check_request, decode_upload, is_upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from litestar.types import ControllerRouterHandler

    from services.web.ports import Parts

FORM_ALLOWANCE = 64 * 1024
"""Bytes that a form's other fields and separators may take, besides one photo."""


class MetricsController(PrometheusController):
    """Counts and durations of requests, for Prometheus."""

    path = "/metrics"
    include_in_schema = False
    openmetrics_format = True


@dataclass(frozen=True, slots=True)
class AppPart:
    """What one service adds to an app.

    Attributes:
        handlers: controllers and functions. Where two parts share a path, one of them has a function there: Litestar
            refuses two controllers.
        dependencies: what they may ask for by name: a value, or a `Provide` of what is made for each request.
        lifespans: what runs while the app lives.
    """

    handlers: Sequence[ControllerRouterHandler]
    dependencies: Mapping[str, object]
    lifespans: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = ()


def create_app(resources: Parts, *, title: str, parts: Sequence[AppPart]) -> Litestar:
    """Return an app of these parts, all of which may ask for `resources` and `workers`.

    While it serves, the indexes follow the change feed; when it stops, their position is made durable. A thread waits
    while its photo is embedded, so there are more threads than cores: else no photos would meet in a batch.
    """
    settings = resources.settings
    workers = WorkerThreads(settings.thread_count + BatchLimits().max_batch)
    given = {"resources": resources, "workers": workers}
    for part in parts:
        given |= part.dependencies
    access = Access(resources, workers)
    metrics = PrometheusConfig(app_name="lookalike", prefix="lookalike", group_path=True)
    return Litestar(
        route_handlers=[
            *sorted((handler for part in parts for handler in part.handlers), key=_is_function),
            HealthController,
            MetricsController,
            docs_assets(),
        ],
        dependencies={name: _provided(value) for name, value in given.items()},
        lifespan=[
            following(resources.live, interval_s=settings.follow_interval_s),
            *(lifespan for part in parts for lifespan in part.lifespans),
        ],
        exception_handlers=problem_handlers(),
        guards=[access.check],
        before_send=[send_request_id, access.record, tell_all_methods],
        middleware=[metrics.middleware, BodyDeadline(settings.body_timeout_s)],
        cors_config=cors_config(settings.cors_origins),
        openapi_config=openapi_config(title, version("lookalike")),
        request_class=CarefulRequest,
        before_request=check_request,
        type_decoders=[(is_upload, _decode_upload)],
        request_max_body_size=settings.max_upload_bytes + FORM_ALLOWANCE,
        logging_config=None,
    )


def _is_function(handler: ControllerRouterHandler) -> bool:
    """Functions are registered last: Litestar 2.25 gives each controller an OPTIONS call, and refuses a second one."""
    return not isinstance(handler, type)


def sized(controller: type[Controller], max_bytes: int) -> type[Controller]:
    """Return the controller with another limit of its bodies, which may take longer to come."""
    opt = {**vars(controller).get("opt", {}), LARGE_BODY: True}
    return type(controller.__name__, (controller,), {"request_max_body_size": max_bytes, "opt": opt})


def _provided(value: object) -> Provide:
    return value if isinstance(value, Provide) else Provide(lambda: value, sync_to_thread=False)


def _decode_upload(target: type, value: Any) -> Any:
    return value if isinstance(value, target) else decode_upload(target, value)
