"""Trains the model that the package carries, on drawn listings of its own. Importing this imports torch.

The demo's catalogue is drawn with another seed, so none of its listings has been seen.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import numpy as np

from ml.data import LabelledPhoto
from ml.export import export_bundle
from ml.precision_photos import precision_photos
from ml.reexport import reexport_bundle
from ml.sample.catalogue import make_listings
from ml.sample.render import PHOTOS, render_photos
from ml.train import train

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle import Bundle
    from ml.recipes import TrainConfig
    from ml.sample.catalogue import SampleListing
    from ml.stages import Progress

SEED = 1007
"""Of the listings that are trained on; the demo's catalogue has 7."""


def pretrain(out: Path, work: Path, *, listings: int, config: TrainConfig, progress: Progress) -> Bundle:
    """Draw `listings` listings, train on them, and write a bundle with an int8 graph only at `out`.

    A training that was stopped goes on where it stood, in `work`, which is left there.

    Raises:
        TrainingError, BundleError, OSError: see `ml.train.train` and `ml.export.export_bundle`.
    """
    drawn = make_listings(listings, np.random.default_rng(SEED))
    photos = work / PHOTOS
    photos.mkdir(parents=True, exist_ok=True)
    if not (work / "drawn").exists():
        render_photos(drawn, photos, progress)
        (work / "drawn").touch()
    labelled = _labelled(drawn, photos)
    result = train(labelled, config, weights=None, home=work, progress=progress)
    split = result.split_record()
    chosen = precision_photos(labelled, result.preprocessing, split=split)
    whole = work / "bundle"
    shutil.rmtree(whole, ignore_errors=True)
    bundle = export_bundle(
        result.network,
        categories=result.categories,
        preprocessing=result.preprocessing,
        metrics=result.metrics.by_name(),
        record={**result.record.to_json(), "drawn_listings": listings, "drawn_with_seed": SEED},
        calibration=result.calibration,
        split=split,
        quantize_with=chosen.quantize_with,
        measure_on=chosen.measure_on,
        out=whole,
    )
    return reexport_bundle(bundle, out, keep_float=False)


def _labelled(listings: list[SampleListing], folder: Path) -> list[LabelledPhoto]:
    return [
        LabelledPhoto(
            photo_id=2 * number + side,
            listing_id=listing.listing_id,
            category=listing.kind.category,
            sha256=hashlib.sha256((folder / f"{photo_id}.jpg").read_bytes()).hexdigest(),
            path=folder / f"{photo_id}.jpg",
            subcategories=tuple(listing.kind.path.split(" / ")),
        )
        for number, listing in enumerate(listings)
        for side, photo_id in enumerate(listing.photo_ids)
    ]
