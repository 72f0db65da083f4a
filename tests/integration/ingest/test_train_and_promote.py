"""Training on the catalogue: refusals, failures, and repair of the bundle."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from db.models import DuplicatePair
from db.rows import duplicates, listings
from ml.bundle.bundle import Bundle
from ml.bundle.manifest import BundleError
from ml.sample import MODEL
from ml.training.recipes import FROM_SCRATCH, FROZEN_TRUNK
from services.ingest.models.labelled import labelled_photos
from services.ingest.models.training import CannotTrain, NothingToTrainOn, TooFewToTrain, train_bundle
from services.ingest.pipeline.progress import silent
from tests.projection import write_projection
from tests.truth import LAMP
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.training.dataset.summary import SplitSummary
    from services.resources import Resources
    from tests.conftest import MakeJpeg

pytest.importorskip("torch", reason="training needs the extra 'train'")

from tests.trainings import TrainingKilled

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("small_trunks")]

TINY = replace(FROM_SCRATCH, validation=0.1, size=32, epochs=1, pairs_per_batch=4, vector_size=16)


@pytest.fixture
def resources(tmp_path: Path, jpeg: MakeJpeg) -> Iterator[Resources]:
    """Ten listings, without a model."""
    with resources_in(tmp_path / "data") as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=10).inputs)
        yield resources


def split_summary(resources: Resources) -> SplitSummary:
    """Start a training, and end it once the photos are split."""
    summaries: list[SplitSummary] = []

    def end(summary: SplitSummary) -> None:
        summaries.append(summary)
        raise TrainingKilled

    with pytest.raises(TrainingKilled):
        train_bundle(resources, weights=None, config=TINY, progress=silent, on_split=end)
    return summaries[0]


def test_refuses_to_train_without_listings(tmp_path: Path) -> None:
    with resources_in(tmp_path) as empty, pytest.raises(NothingToTrainOn, match="There are no listings to train on"):
        train_bundle(empty, weights=None, config=TINY, progress=silent)


def test_refuses_to_train_on_listings_without_photos(tmp_path: Path) -> None:
    with resources_in(tmp_path) as resources:
        with resources.database.write() as session:
            listings.upsert_listings(session, [LAMP])
        with pytest.raises(NothingToTrainOn, match="None of 1 listing has a usable photo"):
            train_bundle(resources, weights=None, config=TINY, progress=silent)


def test_a_refusal_names_the_commands_that_search_without_training(tmp_path: Path, jpeg: MakeJpeg) -> None:
    with resources_in(tmp_path / "data") as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=1).inputs)
        with pytest.raises(TooFewToTrain, match=f"lookalike reindex --model FOLDER.* or {re.escape(str(MODEL))}"):
            train_bundle(resources, weights=None, config=TINY, progress=silent)
        resources.begin_with(write_projection(tmp_path / "bundle").path)
        with pytest.raises(TooFewToTrain, match=r"The live model \w+ stays in use"):
            train_bundle(resources, weights=None, config=TINY, progress=silent)


def test_copies_that_the_finder_found_or_a_reviewer_rejected_decide_the_items(resources: Resources) -> None:
    before = split_summary(resources)
    with resources.database.write() as session:
        first, second = labelled_photos(resources.database, resources.photo_files)[::2][:2]
        session.add(
            DuplicatePair(
                photo_id=first.photo_id,
                other_photo_id=second.photo_id,
                verdict="same photo edited",
                score=0.9,
                model_version="any",
            )
        )
    after = split_summary(resources)
    assert (after.items, after.merged) == (before.items - 1, before.merged + 2)
    with resources.database.write() as session:
        duplicates.decide(session, (first.listing_id, second.listing_id), "reject", key_id=None)
    again = split_summary(resources)
    assert (again.items, again.merged) == (before.items, before.merged)


def test_listings_that_a_reviewer_accepted_as_one_are_one_item(resources: Resources) -> None:
    before = split_summary(resources)
    with resources.database.write() as session:
        duplicates.decide(session, ("listing-0", "listing-5"), "accept", key_id=None)
    after = split_summary(resources)
    assert (after.items, after.merged) == (before.items - 1, before.merged + 2)
    assert "listing-0,listing-0,listing-5" in after.copies.read_text()


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


@pytest.mark.slow
def test_training_again_replaces_a_damaged_bundle(resources: Resources) -> None:
    first = train_bundle(resources, weights=None, config=TINY, progress=silent)
    assert first is not None
    first.weights_path.write_bytes(b"damaged")
    again = train_bundle(resources, weights=None, config=TINY, progress=silent)
    assert again is not None
    assert (again.path, again.version) == (first.path, first.version)
    assert Bundle.load(first.path).version == first.version
    assert sorted(path.name[:4] for path in first.path.parent.iterdir()) == sorted(["run-", first.version[:4]])
