"""The calls that describe the live model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency

from db.models import Role
from services.errors import Conflict, ResourceNotFound, ServiceUnavailable
from services.ingest.models.evaluation import latest_report
from services.ingest.rest.operations import REPORT
from services.resources import Resources
from services.signing import Purpose
from services.web.access.signed_urls import SIGNATURE, signed_report
from services.web.parameters import query
from services.web.problems import problem_responses
from services.wire import ModelCard

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle

_SELF_CONTAINED = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
"""The report is a single file with inline styles and images. Only the page may frame it."""

Version = Annotated[
    str | None,
    query("The model, which must be live: its default.", "fb794aeabb5b", max_length=100),
]
Signature = Annotated[
    str | None,
    query("Signature of `report_url`, for five minutes as good as a key.", "AAAAAWs1mwD0", max_length=100),
]


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
    def model_card(self, request: Request[Any, Any, Any], resources: NamedDependency[Resources]) -> ModelCard:
        """Return what the model is, what it was trained on, and its measured quality."""
        bundle = resources.embedder().bundle
        if latest_report(resources.settings, bundle.version) is None:
            return model_card(bundle, report_url=None)
        needs_key = bool(request.scope["state"].get("key_id"))
        return model_card(bundle, report_url=_report_url(resources, bundle.version, is_signed=needs_key))

    @get(
        "/report",
        sync_to_thread=True,
        opt={"signed": Purpose.REPORT},
        operation_class=REPORT,
        media_type="text/html",
        responses=problem_responses(404, 409, 503),
        summary="Get the model report",
    )
    def model_report(
        self,
        resources: NamedDependency[Resources],
        v: Version = None,
        sig: Signature = None,  # noqa: ARG002  (the guard checks it)
    ) -> Response[str]:
        """Return the latest report of `lookalike evaluate`: an HTML page that needs no other file."""
        version = resources.embedder().bundle.version
        if v not in (None, version):
            raise Conflict(f"Model {v} is not live any more. Open the report of the live model, {version}.")
        page = latest_report(resources.settings, version)
        if page is None:
            raise ResourceNotFound("report of model", version, remedy="`lookalike evaluate` writes one.")
        framed_by = " ".join(origin for origin in resources.settings.cors_origins if origin != "*")
        headers = {
            "Content-Security-Policy": f"{_SELF_CONTAINED} {framed_by}".rstrip(),
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "private, no-store",
        }
        return Response(_read(page), media_type="text/html", headers=headers)


class _ReportUnreadable(ServiceUnavailable):
    def __init__(self, page: Path, problem: str) -> None:
        super().__init__(f"The report {page} cannot be read ({problem}). Write it again: lookalike evaluate.")


def _read(page: Path) -> str:
    try:
        return page.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _ReportUnreadable(page, f"byte {error.start} is not UTF-8") from error
    except OSError as error:
        raise _ReportUnreadable(page, error.strerror or "unknown error") from error


def _report_url(resources: Resources, version: str, *, is_signed: bool) -> str:
    parts = {"v": version}
    if is_signed:
        parts[SIGNATURE] = resources.signer.signature(Purpose.REPORT, signed_report(version))
    return f"{ModelController.path}/report?{urlencode(parts)}"


def model_card(bundle: Bundle, *, report_url: str | None) -> ModelCard:
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
        ood_false_alarm_rate=None if bundle.ood is None else bundle.ood.calibration.false_alarm_rate,
        losses=[float(loss) for loss in history.get("losses", ())],
        report_url=report_url,
    )
