"""Training on the listings at hand: from the truth to a model bundle to a live generation."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows import photos
from ml.bundle.manifest import BundleError
from ml.bundle.store import install, new_bundle_folder
from ml.export.quantize import QuantizerMissing
from ml.labelled import LabelledPhoto
from ml.network.trunk_weights import WeightsError
from ml.training.recipes import FROM_SCRATCH, FROZEN_TRUNK, TrainingError
from ml.training.run_folder import RunBusy
from services.errors import BadInput
from services.ingest.pipeline.progress import Progress, silent
from services.ingest.pipeline.reindex import reindex

if TYPE_CHECKING:
    from pathlib import Path

    from db.photo_bytes.base import PhotoStore
    from db.rows.generations import GenerationRecord
    from db.session import Database
    from ml.bundle.bundle import Bundle
    from ml.training.recipes import TrainConfig
    from services.ingest.pipeline.embedding import EmbeddingRun
    from services.resources import Resources


class CannotTrain(BadInput):
    """The listings at hand, or the weights, cannot make a model."""


class TorchMissing(BadInput):
    """The training packages are not installed."""

    def __init__(self) -> None:
        super().__init__("Training needs torch and torchvision. Install them: pip install -e '.[train]'")


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
        from ml.export.precision_photos import draw_precision_photos
        from ml.export.write_bundle import export_bundle
        from ml.training.train import train
    except ModuleNotFoundError as error:
        raise TorchMissing from error
    labelled = labelled_photos(resources.database, resources.photo_files)
    if not labelled:
        raise CannotTrain("There is no listing with a photo to train on. `lookalike ingest` brings them in.")
    config = config or (FROZEN_TRUNK if weights else FROM_SCRATCH)
    models = resources.models
    fresh = new_bundle_folder(models)
    try:
        result = train(labelled, config, weights=weights, home=models, progress=progress)
        if not result.writes_files:
            return None
        split = result.split_record()
        drawn = draw_precision_photos(labelled, result.preprocessing, split=split) if config.int8 else None
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
    settled = install(bundle, models)
    result.folder.clear()
    return settled


def labelled_photos(database: Database, files: PhotoStore) -> list[LabelledPhoto]:
    """Return every photo that is not failed, with the category of its listing."""
    with database.read() as session:
        return [
            LabelledPhoto(
                photo_id=row.photo_id,
                listing_id=row.listing_id,
                category=row.category_path[0],
                sha256=row.sha256,
                path=files.local_path(row.sha256),
                subcategories=tuple(row.category_path[1:]),
            )
            for row in photos.labelled_photos(session)
        ]
