"""Trains a model on the catalogue, exports it as a bundle, and promotes a generation that uses it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows import generations, listings
from ml.bundle.manifest import BundleError
from ml.bundle.store import install, new_bundle_folder
from ml.export.quantize import QuantizerMissing
from ml.network.trunk_weights import WeightsError
from ml.sample import MODEL
from ml.training.dataset.summary import TooFewListings
from ml.training.dataset.training_data import TrainingData
from ml.training.recipes import FROM_SCRATCH, FROZEN_TRUNK, TrainingError
from ml.training.run.run_folder import RunBusy
from services.errors import BadInput
from services.ingest.cleaning.text import counted
from services.ingest.models.labelled import known_links, labelled_photos, words_of_listings
from services.ingest.pipeline.progress import Progress, silent
from services.ingest.pipeline.reindex import reindex

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from db.rows.generations import GenerationRecord
    from ml.bundle.bundle import Bundle
    from ml.labelled import LabelledPhoto
    from ml.training.dataset.summary import OnSplit, SplitSummary
    from ml.training.recipes import TrainConfig
    from ml.training.result import TrainResult
    from services.ingest.pipeline.embedding import EmbeddingRun
    from services.resources import Resources


class CannotTrain(BadInput):
    """No model can be trained on this catalogue, or with these weights."""


class TooFewToTrain(CannotTrain):
    """The catalogue has too few listings, too few in one category, or too many copies."""

    def __init__(self, problem: str, *, live_model: str | None) -> None:
        begin = (
            "To search without training, embed the photos with a model that exists: lookalike reindex --model FOLDER, "
            f"where FOLDER is a bundle that `lookalike export` wrote, or {MODEL} (it knows drawn items only)."
        )
        super().__init__(f"{problem} {begin if live_model is None else f'The live model {live_model} stays in use.'}")


class NothingToTrainOn(CannotTrain):
    """No listing has a usable photo."""

    def __init__(self, listings: int) -> None:
        problem = f"None of {counted(listings, 'listing')} has a usable photo" if listings else "There are no listings"
        remedy = "Ingest them with photos" if listings else "Add some with photos"
        super().__init__(f"{problem} to train on. {remedy}: lookalike ingest FILE --photo-dir FOLDER")


class TorchMissing(BadInput):
    """The training packages are not installed."""

    def __init__(self) -> None:
        super().__init__("Training needs torch and torchvision. Install them: make install")


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model that is live, with the run that embedded the catalogue."""

    bundle: Bundle
    generation: GenerationRecord
    run: EmbeddingRun


def _ignore_split(_summary: SplitSummary) -> None:
    """Ignore the split."""


def train_and_promote(
    resources: Resources,
    *,
    weights: Path | None,
    config: TrainConfig | None = None,
    force: bool = False,
    progress: Progress = silent,
    on_split: OnSplit = _ignore_split,
) -> TrainedModel | None:
    """Train on every photo of the catalogue, embed all photos with the new model, and promote its generation.

    Args:
        weights: ImageNet weights for ResNet-50; None trains from random weights at a small size.
        config: the training recipe; by default the one that suits `weights`.
        force: promote the model even if it is worse than the live one.
        on_split: called with the summary of the split, before the long work.

    Returns:
        The model; None in every process of `torchrun` but the first.

    Raises:
        CannotTrain: there are too few photos, the weights do not fit, or the network cannot be exported.
        TorchMissing: the training packages are not installed.
        Conflict: the model is worse than the live one, which stays live. A reindex can still promote the new model.
    """
    bundle = train_bundle(resources, weights=weights, config=config, progress=progress, on_split=on_split)
    if bundle is None:
        return None
    resources.models.register(bundle.path)
    generation, run = reindex(resources, model_version=bundle.version, force=force, progress=progress)
    return TrainedModel(bundle, generation, run)


def train_bundle(
    resources: Resources,
    *,
    weights: Path | None,
    config: TrainConfig | None,
    progress: Progress,
    on_split: OnSplit = _ignore_split,
) -> Bundle | None:
    """Train a model and install its bundle in the data directory; see `train_and_promote`."""
    try:
        from ml.training.train import train
    except ModuleNotFoundError as error:
        raise TorchMissing from error
    photos = labelled_photos(resources.database, resources.photo_files)
    if not photos:
        raise NothingToTrainOn(_listing_count(resources))
    data = TrainingData(photos, known_links(resources.database), words_of_listings(resources.database))
    config = config or (FROZEN_TRUNK if weights else FROM_SCRATCH)
    folder = resources.models.folder
    unfinished = new_bundle_folder(folder)
    try:
        result = train(data, config, weights=weights, home=folder, progress=progress, on_split=on_split)
        if not result.writes_files:
            return None
        bundle = _export(result, photos, unfinished, int8=config.int8, progress=progress)
        resources.open(bundle)  # as it will be served; if that fails, the run's folder stays and the run can resume
    except TooFewListings as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise TooFewToTrain(str(error), live_model=_live_model(resources)) from error
    except (TrainingError, BundleError, RunBusy, WeightsError, QuantizerMissing) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise CannotTrain(str(error)) from error
    installed = install(bundle, folder)
    result.folder.clear()
    return installed


def _listing_count(resources: Resources) -> int:
    with resources.database.read() as session:
        return listings.listing_count(session)


def _live_model(resources: Resources) -> str | None:
    with resources.database.read() as session:
        live = generations.live_generation(session)
    return None if live is None else live.model_version


def _export(
    result: TrainResult, photos: Sequence[LabelledPhoto], out: Path, *, int8: bool, progress: Progress
) -> Bundle:
    """Write the trained network as a bundle at `out`, with an int8 graph if `int8`."""
    from ml.export.precision_photos import draw_precision_photos
    from ml.export.write_bundle import export_bundle

    split = result.split_record()
    sample = draw_precision_photos(photos, result.preprocessing, split=split) if int8 else None
    progress("export the model", 0, 1)
    return export_bundle(
        result.network,
        out,
        description=result.description(),
        photos=sample,
    )
