"""Training on the catalogue: refusals, failures, and repair of the bundle."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import BundleError
from ml.training.recipes import FROM_SCRATCH, FROZEN_TRUNK
from services.ingest.models.training import CannotTrain, train_bundle
from services.ingest.pipeline.progress import silent
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.resources import Resources
    from tests.conftest import MakeJpeg

pytest.importorskip("torch", reason="training needs the extra 'train'")
pytestmark = [pytest.mark.train, pytest.mark.usefixtures("small_trunks")]

TINY = replace(FROM_SCRATCH, validation=0.1, size=32, epochs=1, pairs_per_batch=4, vector_size=16)


@pytest.fixture
def resources(tmp_path: Path, jpeg: MakeJpeg) -> Iterator[Resources]:
    """Ten listings, without a model."""
    with resources_in(tmp_path / "data") as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=10).inputs)
        yield resources


def test_refuses_to_train_without_listings(tmp_path: Path) -> None:
    with resources_in(tmp_path) as empty, pytest.raises(CannotTrain, match="lookalike ingest"):
        train_bundle(empty, weights=None, config=TINY, progress=silent)


def test_refuses_unreadable_weights_before_training(resources: Resources, tmp_path: Path) -> None:
    weights, told = tmp_path / "weights.pth", []
    weights.write_bytes(b"no weights")
    with pytest.raises(CannotTrain, match=r"weights\.pth: is not a readable weights file") as refusal:
        train_bundle(
            resources, weights=weights, config=FROZEN_TRUNK, progress=lambda stage, _done, _total: told.append(stage)
        )
    assert told == []
    assert "weights_only" not in str(refusal.value)


def test_a_model_that_cannot_be_opened_leaves_its_run_but_no_bundle(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(bundle: Bundle) -> None:
        raise BundleError(bundle.path, "its canonical photos' vectors differ", "Export it again")

    monkeypatch.setattr(resources, "open", refuse)
    with pytest.raises(CannotTrain, match="canonical photos"):
        train_bundle(resources, weights=None, config=TINY, progress=silent)
    models = resources.settings.data_dir / "models"
    (run,) = models.iterdir()
    assert (run / "checkpoint.pt").is_file()


def test_training_again_replaces_a_damaged_bundle(resources: Resources) -> None:
    first = train_bundle(resources, weights=None, config=TINY, progress=silent)
    assert first is not None
    first.weights_path.write_bytes(b"damaged")
    again = train_bundle(resources, weights=None, config=TINY, progress=silent)
    assert again is not None
    assert (again.path, again.version) == (first.path, first.version)
    assert Bundle.load(first.path).version == first.version
    assert sorted(path.name[:4] for path in first.path.parent.iterdir()) == sorted(["run-", first.version[:4]])
