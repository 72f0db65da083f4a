"""Trains the demo's model on drawn listings, and writes its bundle and model card.

    python -m ml.sample.pretrain [FOLDER]      # FOLDER keeps photos and checkpoints; the same command resumes there

The demo's catalogue is drawn with another seed, so the model has seen none of its listings. Importing this imports
torch.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.export.precision_photos import draw_precision_photos
from ml.export.reexport import reexport_bundle
from ml.export.write_bundle import export_bundle
from ml.labelled import LabelledPhoto
from ml.sample import CARD, MODEL
from ml.sample.card import model_card
from ml.sample.catalogue import make_listings
from ml.sample.render import PHOTOS, render_photos
from ml.training.dataset.training_data import TrainingData
from ml.training.recipes import SAMPLE
from ml.training.train import train

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle
    from ml.sample.catalogue import SampleListing

SEED = 1007
"""Seed of the training listings; the demo's catalogue has seed 7."""

LISTINGS = 6000
"""Number of drawn listings, with two photos each."""


def pretrain(out: Path, work: Path) -> Bundle:
    """Draw listings, train on them, and write a bundle with an int8 graph only, and its model card, to `out`.

    Args:
        work: keeps the photos and the run's folder; a training that was stopped continues from there.

    Raises:
        TrainingError, BundleError, OSError: see `ml.training.train.train` and `ml.export.write_bundle.export_bundle`.
    """
    drawn = make_listings(LISTINGS, np.random.default_rng(SEED))
    photos = work / PHOTOS
    photos.mkdir(parents=True, exist_ok=True)
    all_drawn = work / f"drawn-{LISTINGS}"
    if not all_drawn.exists():
        render_photos(drawn, photos, _print_progress)
        all_drawn.touch()
    labelled = _labelled(drawn, photos)
    result = train(TrainingData(labelled), SAMPLE, weights=None, home=work, progress=_print_progress)
    split = result.split_record()
    chosen = draw_precision_photos(labelled, result.preprocessing, split=split)
    whole = work / "bundle"
    shutil.rmtree(whole, ignore_errors=True)
    record = {**result.record.to_json(), "drawn_listings": LISTINGS, "drawn_with_seed": SEED}
    bundle = export_bundle(
        result.network,
        whole,
        description=replace(result.description(), record=record),
        photos=chosen,
    )
    shipped = reexport_bundle(bundle, out, keep_float=False)
    (out / CARD).write_text(model_card(shipped), encoding="utf-8")
    return shipped


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


def main(work: Path) -> None:
    """Train in `work`, and replace the bundle in the package."""
    fresh = work / "shipped"
    shutil.rmtree(fresh, ignore_errors=True)
    bundle = pretrain(fresh, work)
    copied = MODEL.with_name("model.new")
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(fresh, copied)
    shutil.rmtree(MODEL, ignore_errors=True)
    copied.rename(MODEL)
    sys.stdout.write(f"{MODEL}: {bundle.version}\n")


def _print_progress(stage: str, done: int, total: int) -> None:
    sys.stderr.write(f"\r{stage}: {done} of {total}  " + ("\n" if done == total else ""))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data/sample-model"))
