"""Training on the listings at hand: from the truth to a model bundle to a live generation."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from db import photos
from db.vectors.durability import sync
from ml.bundle import Bundle, BundleError
from ml.data import LabelledPhoto
from ml.quantize import QuantizerMissing
from ml.recipes import FROM_SCRATCH, FROZEN_TRUNK, TrainingError
from ml.run_folder import RunBusy
from ml.weights import WeightsError
from services.errors import BadInput
from services.ingest.progress import Progress, silent
from services.ingest.reindex import reindex

if TYPE_CHECKING:
    from pathlib import Path

    from db.generations import GenerationRecord
    from db.photo_files import PhotoFiles
    from db.session import Database
    from ml.recipes import TrainConfig
    from services.ingest.embedding import EmbeddingRun
    from services.resources import Resources


class CannotTrain(BadInput):
    """The listings at hand, or the weights, cannot make a model."""


class TorchMissing(BadInput):
    """The training packages are not installed."""

    def __init__(self) -> None:
        super().__init__("Training needs torch and torchvision. Install them: pip install 'lookalike[train]'")


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model that was trained, exported, and is live."""

    bundle: Bundle
    generation: GenerationRecord
    run: EmbeddingRun


def train_and_promote(
    resources: Resources,
    *,
    weights: Path | None,
    config: TrainConfig | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> TrainedModel | None:
    """Train on every photo in the truth, embed all of them with the new model, and make its generation live.

    Args:
        resources: what it works with.
        weights: ImageNet weights for ResNet-50; None trains from random weights at a small size.
        config: how to train; by default the recipe that suits `weights`.
        force: make it live though it is worse than the live model.
        progress: is told how the stages go.

    Returns:
        The model; None in the processes that `torchrun` started beside the first.

    Raises:
        CannotTrain: the photos are too few, the weights do not fit, or the network cannot be exported.
        TorchMissing: the training packages are not installed.
        Conflict: the model is worse than the live one, which stays live; it is kept, and can be promoted by a reindex.
    """
    bundle = train_bundle(resources, weights=weights, config=config, progress=progress)
    if bundle is None:
        return None
    resources.register_bundle(bundle.path)
    generation, run = reindex(resources, model_version=bundle.version, force=force, progress=progress)
    return TrainedModel(bundle, generation, run)


def train_bundle(
    resources: Resources, *, weights: Path | None, config: TrainConfig | None, progress: Progress
) -> Bundle | None:
    """Train and export a model bundle into the data directory; see `train_and_promote`."""
    try:
        from ml.export import export_bundle
        from ml.precision_photos import precision_photos
        from ml.train import train
    except ModuleNotFoundError as error:
        raise TorchMissing from error
    labelled = labelled_photos(resources.database, resources.photo_files)
    config = config or (FROZEN_TRUNK if weights else FROM_SCRATCH)
    models = resources.settings.data_dir / "models"
    fresh = models / f"new-{uuid4().hex[:8]}"
    try:
        result = train(labelled, config, weights=weights, home=models, progress=progress)
        if not result.writes:
            return None
        split = result.split_record()
        drawn = precision_photos(labelled, result.preprocessing, split=split) if config.int8 else None
        progress("export the model", 0, 1)
        bundle = export_bundle(
            result.network,
            categories=result.categories,
            preprocessing=result.preprocessing,
            metrics=result.metrics.by_name(),
            record=result.record.to_json(),
            calibration=result.calibration,
            split=split,
            quantize_with=drawn.quantize_with if drawn else None,
            measure_on=drawn.measure_on if drawn else None,
            out=fresh,
        )
        resources.open(bundle)  # in the precision that it will be served in; until then the run can go on from its end
    except (TrainingError, BundleError, RunBusy, WeightsError, QuantizerMissing) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise CannotTrain(str(error)) from error
    settled = _settle(bundle, models / bundle.version)
    result.folder.clear()
    return settled


def _settle(bundle: Bundle, home: Path) -> Bundle:
    """Move a fresh bundle to the folder named after its version, unless one that is sound and does as much is there."""
    if home.exists():
        with suppress(BundleError):
            there = Bundle.load(home)
            if there.has_int8 or not bundle.has_int8:
                shutil.rmtree(bundle.path)
                return there
        home.rename(bundle.path.with_name(f"{bundle.path.name}-replaced"))
    bundle.path.rename(home)
    sync(home.parent)
    shutil.rmtree(bundle.path.with_name(f"{bundle.path.name}-replaced"), ignore_errors=True)
    return replace(bundle, path=home)


def labelled_photos(database: Database, files: PhotoFiles) -> list[LabelledPhoto]:
    """Return every photo that is not failed, with the category of its listing."""
    with database.read() as session:
        return [
            LabelledPhoto(
                photo_id=row.photo_id,
                listing_id=row.listing_id,
                category=row.category_path[0],
                sha256=row.sha256,
                path=files.path(row.sha256),
                subcategories=tuple(row.category_path[1:]),
            )
            for row in photos.labelled(session)
        ]
