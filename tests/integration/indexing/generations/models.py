"""Changing the model, and comparing the live indexes with the database, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.indexing.consistency import drift
from services.ingest.pipeline.reindex import reindex

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle
    from services.resources import Resources


after_model_change = pytest.mark.parametrize("resources", ["changed"], indirect=True, ids=[""])
"""For tests that begin with generation 1 of `tiny_bundle`, and generation 2 of `other_bundle`, which is live."""


def change_model(resources: Resources, bundle: Bundle) -> None:
    reindex(resources, model_version=resources.models.register(bundle.path).version)
    resources.live.refresh()


def assert_no_drift(resources: Resources, photos: int) -> None:
    live = resources.live.current()
    for opened in live.opened.values():
        found = drift(resources.database, opened.index, model_version=live.generation.model_version)
        assert (found.is_empty, found.held) == (True, photos)
