"""Renders report.html: one self-contained file with all figures and examples of mistakes."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import jinja2
from PIL import Image

from ml.evaluation.report.charts import reliability_chart, score_chart
from ml.photos.decode import PhotoError, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml.evaluation.intervals import Estimate
    from ml.evaluation.report.figures import Report

    ReadPhoto = Callable[[str], bytes]
    """Returns the bytes of the photo with this SHA-256, or raises OSError."""

_THUMBNAIL = 160
"""Longer side of a photo in the page, in pixels."""

FIGURE_NAMES = {
    "recall_at_1": "same-listing recall@1",
    "recall_at_5": "same-listing recall@5",
    "recall_at_10": "same-listing recall@10",
    "mean_average_precision": "same-listing mAP",
    "category_precision_at_5": "category precision@5",
}
"""The displayed name of each retrieval figure."""


def render(report: Report, read_photo: ReadPhoto) -> str:
    """Return the page. Texts of listings are escaped, and the page's policy forbids loading and running anything."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ml.evaluation.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(estimate=_estimate, share=_share)
    page = environment.get_template("report.html.j2")
    return page.render(
        report=report,
        names=FIGURE_NAMES,
        reliability_chart=reliability_chart,
        score_chart=score_chart,
        thumbnail_url=lambda sha256: thumbnail_url(sha256, read_photo),
    )


def thumbnail_url(sha256: str, read_photo: ReadPhoto) -> str:
    """Return a thumbnail of a photo as a `data:` URL; empty if the photo is missing or cannot be decoded."""
    try:
        image = decode(read_photo(sha256), at_least=_THUMBNAIL)
    except (OSError, PhotoError):
        return ""
    image.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BICUBIC)
    small = io.BytesIO()
    image.save(small, "JPEG", quality=75)
    return f"data:image/jpeg;base64,{base64.b64encode(small.getvalue()).decode()}"


def _estimate(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
