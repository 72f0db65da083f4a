"""Finds the bundle that a command names, by version or by folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from db.rows import generations
from services.errors import ModelMissing, ResourceNotFound

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle
    from services.resources import Resources


def find_bundle(resources: Resources, model: str | None) -> Bundle:
    """Return the bundle in a folder, of a registered version, or of the live generation if `model` is None.

    Raises:
        ModelMissing: `model` is None and no generation is live.
        ResourceNotFound: `model` is neither a folder nor a registered version.
        ModelUnusable: the bundle is damaged.
    """
    folder = Path(model) if model and Path(model).is_dir() else _registered_folder(resources, model)
    return resources.models.load(folder)


def _registered_folder(resources: Resources, model: str | None) -> Path:
    if model is None:
        with resources.database.read() as session:
            live = generations.live_generation(session)
        if live is None:
            raise ModelMissing
        model = live.model_version
    path = resources.models.path(model)
    if path is None:
        raise ResourceNotFound(
            "model version or bundle folder", model, remedy="`lookalike index list` shows the versions."
        )
    return path
