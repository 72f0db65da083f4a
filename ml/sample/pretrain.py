"""Trains the model that the package carries, on drawn listings of its own, and writes its card.

    python -m ml.sample.pretrain [FOLDER]      # FOLDER keeps photos and checkpoints: the same command goes on there

The demo's catalogue is drawn with another seed, so none of its listings has been seen. Importing this imports torch.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.bundle.manifest import ModelDescription
from ml.export.precision_photos import draw_precision_photos
from ml.export.reexport import reexport_bundle
from ml.export.write_bundle import export_bundle
from ml.labelled import LabelledPhoto
from ml.sample import CARD, MODEL
from ml.sample.catalogue import make_listings
from ml.sample.render import PHOTOS, render_photos
from ml.training.recipes import SAMPLE
from ml.training.train import train

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle
    from ml.sample.catalogue import SampleListing
    from ml.stages import Progress
    from ml.training.recipes import TrainConfig

SEED = 1007
"""Of the listings that are trained on; the demo's catalogue has 7."""

LISTINGS = 6000
"""Drawn, with two photos each."""

_CARD = """# The model of the demo

A ResNet-50 with random weights at first, trained on {listings:,} drawn listings with two photos each, and quantised to
int8. `python -m ml.sample.pretrain` makes it: listings drawn with seed {seed}, the recipe
`ml/training/recipe_files/sample.toml` (seed {recipe_seed}), {epochs} epochs of photos of {size} pixels,
in {precision} on {threads} thread(s), torch {torch}. It knows drawn items and nothing else. The demo's
catalogue is drawn with another seed: the demo measures on listings that this model has never seen.

Measured on {held_out} photos of held-out listings, each searched for among all {gallery:,}, before quantising:

| | |
|---|---|
{figures}

Each precision on {measured} photos of validation listings, among each other, on the processor that trained it:

| precision | same-listing recall@1 | points lost | median cosine to float32 |
|---|---|---|---|
{precisions}

Every layer's int8 weights have 7 bits, so that processors without VNNI compute the same. The files are those that
`model.json` names; there are no torch weights. `lookalike train --weights ml/sample/model` reads the trunk back from
the graph.
"""


def pretrain(out: Path, work: Path, *, listings: int, config: TrainConfig, progress: Progress) -> Bundle:
    """Draw `listings` listings, train on them, and write a bundle with an int8 graph only, and its card, at `out`.

    A training that was stopped goes on where it stood, in `work`, which is left there.

    Raises:
        TrainingError, BundleError, OSError: see `ml.training.train.train` and `ml.export.write_bundle.export_bundle`.
    """
    drawn = make_listings(listings, np.random.default_rng(SEED))
    photos = work / PHOTOS
    photos.mkdir(parents=True, exist_ok=True)
    finished = work / f"drawn-{listings}"
    if not finished.exists():
        render_photos(drawn, photos, progress)
        finished.touch()
    labelled = _labelled(drawn, photos)
    result = train(labelled, config, weights=None, home=work, progress=progress)
    split = result.split_record()
    chosen = draw_precision_photos(labelled, result.preprocessing, split=split)
    whole = work / "bundle"
    shutil.rmtree(whole, ignore_errors=True)
    bundle = export_bundle(
        result.network,
        whole,
        description=ModelDescription(
            categories=result.categories,
            preprocessing=result.preprocessing,
            metrics=result.metrics.by_name(),
            record={**result.record.to_json(), "drawn_listings": listings, "drawn_with_seed": SEED},
            calibration=result.calibration,
            split=split,
        ),
        quantize_with=chosen.quantize_with,
        measure_on=chosen.measure_on,
    )
    shipped = reexport_bundle(bundle, out, keep_float=False)
    (out / CARD).write_text(_card(shipped, listings), encoding="utf-8")
    return shipped


def _card(bundle: Bundle, listings: int) -> str:
    record, metrics = bundle.record, bundle.metrics
    shares = {name: value for name, value in metrics.items() if value <= 1}
    return _CARD.format(
        listings=listings,
        seed=SEED,
        recipe_seed=record["config"]["seed"],
        epochs=record["config"]["epochs"],
        size=bundle.preprocessing.size,
        precision=record["precision"],
        threads=record["threads"],
        torch=record["torch_version"],
        held_out=int(metrics["held_out_photos"]),
        gallery=int(metrics["gallery"]),
        figures="\n".join(f"| {name.replace('_', ' ')} | {value:.3f} |" for name, value in shares.items()),
        measured=next(iter(bundle.precisions.values())).photos,
        precisions="\n".join(
            f"| {name} | {one.recall_at_1:.3f} | {one.loss:.2f} | {one.cosine:.4f} |"
            for name, one in bundle.precisions.items()
        ),
    )


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
    """Train in `work`, and put the bundle in the place of the one that the package carries."""
    fresh = work / "shipped"
    shutil.rmtree(fresh, ignore_errors=True)
    bundle = pretrain(fresh, work, listings=LISTINGS, config=SAMPLE, progress=_print_progress)
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
