"""What every app of ours has: problem details, health, metrics, the API's description, request ids, body limits."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.di import Provide
from litestar.plugins.prometheus import PrometheusConfig, PrometheusController

from ml.batch_limits import BatchLimits
from services.web.following import following
from services.web.health import HealthController
from services.web.openapi import docs_assets, openapi_config
from services.web.problems import problem_handlers
from services.web.request_ids import send_request_id
from services.web.requests import CarefulRequest, check_request, decode_upload, is_upload
from services.web.threads import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from litestar.types import ControllerRouterHandler

    from services.web.ports import Parts

_FORM_ALLOWANCE = 64 * 1024
"""Bytes that a form's other fields and separators may take, besides one photo."""


class Metrics(PrometheusController):
    """Counts and durations of requests, for Prometheus."""

    path = "/metrics"
    include_in_schema = False
    openmetrics_format = True


def create_app(
    resources: Parts,
    *,
    title: str,
    controllers: Sequence[ControllerRouterHandler],
    lifespans: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = (),
) -> Litestar:
    """Return an app of these controllers, which may ask for `resources` and `workers`.

    While it serves, the indexes follow the change feed; when it stops, their position is made durable. A thread waits
    while its photo is embedded, so there are more threads than cores: else no photos would meet in a batch.
    """
    settings = resources.settings
    workers = Workers(settings.thread_count + BatchLimits().max_batch)
    metrics = PrometheusConfig(app_name="lookalike", prefix="lookalike", group_path=True)
    return Litestar(
        route_handlers=[*controllers, HealthController, Metrics, docs_assets()],
        dependencies={
            "resources": Provide(lambda: resources, sync_to_thread=False),
            "workers": Provide(lambda: workers, sync_to_thread=False),
        },
        lifespan=[following(resources.live, interval_s=settings.follow_interval_s), *lifespans],
        exception_handlers=problem_handlers(),
        before_send=[send_request_id],
        middleware=[metrics.middleware],
        openapi_config=openapi_config(title, version("lookalike")),
        request_class=CarefulRequest,
        before_request=check_request,
        type_decoders=[(is_upload, _decode_upload)],
        request_max_body_size=settings.max_upload_bytes + _FORM_ALLOWANCE,
        logging_config=None,
    )


def _decode_upload(target: type, value: Any) -> Any:
    return value if isinstance(value, target) else decode_upload(target, value)
