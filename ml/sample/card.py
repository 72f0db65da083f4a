"""The model card of the demo's model: how it was made, and its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle

_TEXT = """# The demo's model

A ResNet-50 trained from random weights on {listings:,} drawn listings with two photos each, and quantised to int8. It
knows only drawn items. `python -m ml.sample.pretrain` makes it: listings drawn with seed {seed}, the recipe
`ml/training/recipe_files/sample.toml` (seed {recipe_seed}), {epochs} epochs, photos of {size} pixels, in {precision}
on {threads} thread(s), torch {torch}. The demo draws its catalogue with another seed, so its metrics are on listings
that this model has never seen.

Metrics on {held_out} photos of held-out listings, each searching all {gallery:,} photos, before quantisation:

| | |
|---|---|
{figures}

Each precision on {measured} photos of validation listings, which search each other, on the processor that trained the
model:

| precision | same-listing recall@1 | points lost | median cosine to float32 |
|---|---|---|---|
{precisions}

Photos are compared with {references:,} training photos. Of photos that resemble them, at most {false_alarm_rate:.0f} %
may be called out of distribution; of the held-out photos, {alarms:.1f} % are.

The int8 weights have 7 bits in every layer, so that processors without VNNI compute the same results. `model.json`
names the files of the bundle; it has no torch weights. `lookalike train --weights ml/sample/model` reads the trunk
from the graph.
"""


def model_card(bundle: Bundle) -> str:
    """Return the card as Markdown, with the figures of the bundle's manifest."""
    record, metrics, ood = bundle.record, bundle.metrics, bundle.ood
    assert ood is not None, "thousands of drawn listings are enough for an OOD detector"
    shares = {name: value for name, value in metrics.items() if value <= 1}
    return _TEXT.format(
        listings=record["drawn_listings"],
        seed=record["drawn_with_seed"],
        recipe_seed=record["config"]["seed"],
        epochs=record["config"]["epochs"],
        size=bundle.preprocessing.size,
        precision=record["precision"],
        threads=record["threads"],
        torch=record["torch_version"],
        held_out=int(metrics["held_out_photos"]),
        gallery=int(metrics["gallery"]),
        figures="\n".join(f"| {name.replace('_', ' ')} | {value:.3f} |" for name, value in shares.items()),
        references=len(ood.references),
        false_alarm_rate=100 * ood.calibration.false_alarm_rate,
        alarms=100 * ood.calibration.held_out_alarms,
        measured=next(iter(bundle.precisions.values())).photos,
        precisions="\n".join(
            f"| {name} | {one.recall_at_1:.3f} | {one.loss:.2f} | {one.cosine:.4f} |"
            for name, one in bundle.precisions.items()
        ),
    )
