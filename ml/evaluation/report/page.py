"""report.html: one file that needs nothing else, with everything that was measured and the photos that went wrong."""

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
NAMES = {
    "recall_at_1": "same-listing recall@1",
    "recall_at_5": "same-listing recall@5",
    "recall_at_10": "same-listing recall@10",
    "mean_average_precision": "same-listing mAP",
    "category_precision_at_5": "category precision@5",
}
"""The figures of retrieval, in words."""


def render(report: Report, read_photo: ReadPhoto) -> str:
    """Return the page. What comes from listings is escaped, and a policy in the page lets nothing be loaded or run."""
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
        names=NAMES,
        reliability_chart=reliability_chart,
        score_chart=score_chart,
        picture=lambda sha256: picture(sha256, read_photo),
    )


def picture(sha256: str, read_photo: ReadPhoto) -> str:
    """Return a small JPEG of a photo as a `data:` URL; empty where the photo is gone or cannot be decoded."""
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
