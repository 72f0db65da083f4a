"""Where the report on a model lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from services.settings import Settings

PAGE, FIGURES = "report.html", "report.json"


def report_folder(settings: Settings, model_version: str) -> Path:
    """Return where a model's report is written unless another place is asked for."""
    return settings.data_dir / "reports" / model_version
