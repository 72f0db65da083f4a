"""The calls that describe the live model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from db.models import Role
from services.errors import ResourceNotFound
from services.ingest.models.evaluation import latest_report
from services.ingest.rest.operations import REPORT
from services.resources import Resources
from services.web.problems import problem_responses
from services.wire import ModelCard

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle

_SELF_CONTAINED = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"}
"""The report is a single file with inline styles and images."""


class ModelController(Controller):
    """The live model."""

    path = "/v1/admin/model"
    tags = ("admin",)
    opt = {"role": Role.ADMIN}  # noqa: RUF012

    @get(
        "/",
        sync_to_thread=True,
        response_description="The card",
        responses=problem_responses(503),
        summary="Get the live model's card",
    )
    def model_card(self, resources: NamedDependency[Resources]) -> ModelCard:
        """Return what the model is, what it was trained on, and its measured quality."""
        bundle = resources.embedder().bundle
        return model_card(bundle, has_report=latest_report(resources.settings, bundle.version) is not None)

    @get(
        "/report",
        sync_to_thread=True,
        operation_class=REPORT,
        media_type="text/html",
        responses=problem_responses(404, 503),
        summary="Get the model report",
    )
    def model_report(self, resources: NamedDependency[Resources]) -> Response[str]:
        """Return the latest report of `lookalike evaluate`: an HTML page that needs no other file."""
        version = resources.embedder().bundle.version
        page = latest_report(resources.settings, version)
        if page is None:
            raise ResourceNotFound("report of model", version, remedy="`lookalike evaluate` writes one.")
        return Response(page.read_text(encoding="utf-8"), media_type="text/html", headers=_SELF_CONTAINED)


def model_card(bundle: Bundle, *, has_report: bool) -> ModelCard:
    split, calibration = bundle.split, bundle.calibration
    history = bundle.record.get("history") or {}
    return ModelCard(
        model_version=bundle.version,
        created_at=bundle.created_at,
        categories=list(bundle.categories),
        vector_size=bundle.vector_size,
        photo_size=bundle.preprocessing.size,
        trained_on_listings=None if split is None else len(split.train),
        held_out_listings=None if split is None else len(split.held_out),
        metrics=dict(bundle.metrics),
        confident_from=None if calibration is None else calibration.confident_from,
        losses=[float(loss) for loss in history.get("losses", ())],
        has_report=has_report,
    )
