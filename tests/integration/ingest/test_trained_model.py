"""Trains a network on a shop's photos, promotes it, and compares both runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.embedding.open_embedder import open_embedder
from ml.text.classifier import Words
from ml.training.recipes import FROM_SCRATCH
from services.ingest.models.training import train_and_promote
from services.search.service import SearchService
from services.wire import SearchFields
from tests.worlds import CATEGORIES, ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.conftest import MakeJpeg

pytest.importorskip("torch", reason="training needs the extra 'train'")

from tests.networks import one_thread, small_trunks

pytestmark = pytest.mark.train

TINY = replace(FROM_SCRATCH, validation=0.1, size=32, epochs=1, pairs_per_batch=4, vector_size=16)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(small_trunks, id="small trunk"),
        pytest.param(one_thread, id="full-size ResNet-50", marks=pytest.mark.slow),
    ],
)
def test_a_trained_model_goes_live_embeds_every_photo_and_agrees_in_both_runtimes(
    size: Callable[[], AbstractContextManager[None]], tmp_path: Path, jpeg: MakeJpeg
) -> None:
    with size(), resources_in(tmp_path / "data") as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=10).inputs)
        trained = train_and_promote(resources, weights=None, config=TINY)
        assert trained is not None
        assert (trained.run.embedded, trained.run.failed) == (20, ())
        bundle = trained.bundle
        assert bundle.path == resources.settings.data_dir / "models" / bundle.version
        assert bundle.split is not None

        service = SearchService(resources)
        assert service.by_photo(jpeg(seed=6), SearchFields(k=1)).results[0].photo.listing.id == "listing-3"
        classification = service.classify([jpeg(seed=6)]).categories
        assert {entry.category for entry in classification} == {name.split(" / ")[0] for name in CATEGORIES}
        assert sum(entry.probability for entry in classification) == pytest.approx(1, abs=1e-3)

        assert bundle.text is not None
        assert bundle.text.fusion == {}, "too few listings to fit weights"
        assert {"accuracy_title", "accuracy_photos_and_text"} <= bundle.metrics.keys()
        by_title = service.classify([], Words("Item 3"))
        assert (by_title.based_on, by_title.confident) == ("title", False)

        pixels = np.stack([bundle.preprocessing.load(jpeg(seed=seed)) for seed in range(4)])
        openvino = open_embedder(bundle, threads=1, precision="f32").embed(pixels)
        eager = open_embedder(bundle, runtime="torch", device="cpu").embed(pixels)
        np.testing.assert_allclose(openvino.vectors, eager.vectors, atol=5e-3)
        np.testing.assert_allclose(openvino.probabilities, eager.probabilities, atol=1e-2)
