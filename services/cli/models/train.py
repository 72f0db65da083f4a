"""`lookalike train`: fine-tune a model on the ingested listings."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.bundle.calibration import MIN_CONFIDENT, NEVER_CONFIDENT, TARGET_PRECISION
from ml.bundle.score_map import MIN_SAME
from ml.network.imagenet_weights import imagenet_weights
from ml.network.trunk_weights import WeightsError
from ml.training.recipes import TrainingError, read_recipe
from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources
from services.errors import BadInput
from services.ingest.cleaning.text import counted
from services.ingest.models.training import TorchMissing, TrainedModel, train_and_promote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ml.bundle.bundle import Bundle
    from ml.training.dataset.summary import SplitSummary
    from ml.training.recipes import TrainConfig
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources


def train(
    weights: Annotated[
        str,
        typer.Option(
            help="ImageNet weights to start from: a .safetensors or .pth file, the folder of a model bundle, "
            "`download`, or `none`."
        ),
    ] = "download",
    recipe: Annotated[
        Path | None, typer.Option(help="Training settings: a TOML file like those in ml/training/recipe_files.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Make the model live even if it measures worse than the live one.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the measured quality as JSON.")] = False,
) -> None:
    """Fine-tune ResNet-50 on the ingested listings, embed all photos with it, and make it live.

    An interrupted training continues where it stopped.
    On four GPUs: torchrun --nproc-per-node 4 -m services.cli train
    """
    if find_spec("torch") is None:  # before weights are downloaded
        raise TorchMissing
    config = None if recipe is None else _read_recipe(recipe)
    with open_resources() as resources, audited(resources.database), stage_bars() as progress:
        start = find_weights(weights, resources, progress)
        trained = train_and_promote(
            resources, weights=start, config=config, force=force, progress=progress, on_split=print_split
        )
    if trained is None:
        return
    if json:
        print_json(trained.bundle.metrics)
    else:
        _print(trained)


def _read_recipe(file: Path) -> TrainConfig:
    try:
        return read_recipe(file)
    except TrainingError as error:
        raise BadInput(f"--recipe: {error}") from error


def find_weights(choice: str, resources: Resources, progress: Progress) -> Path | None:
    """Return the weights file or bundle that `--weights` names; None for `none`.

    Raises:
        BadInput: the file does not exist, or the download failed.
    """
    if choice == "none":
        return None
    if choice != "download":
        if not choice or not Path(choice).exists():
            raise BadInput(f"--weights {choice}: no such file or folder. Use an existing one, `download` or `none`.")
        return Path(choice)
    try:
        return imagenet_weights(
            resources.settings.data_dir / "cache" / "weights",
            progress=lambda done, total: progress("download weights", done, total),
        )
    except WeightsError as error:
        raise BadInput(str(error)) from error


def print_split(summary: SplitSummary) -> None:
    """Say how the listings were split, and which figures so many listings can and cannot measure."""
    for sentence in summary.sentences():
        console.print(sentence)


def calibration_notes(bundle: Bundle) -> Iterator[str]:
    """Say what the validation listings were too few to calibrate, and how many it takes."""
    calibration = bundle.calibration
    if calibration is None:
        yield "No listing was left to calibrate with, so scores are cosines, and no category is called confident."
        return
    if calibration.score_map is None:
        yield f"Scores are cosines, not probabilities: that needs {MIN_SAME} validation pairs of photos of one item."
    if calibration.confident_from == NEVER_CONFIDENT:
        yield (
            f"No category will be `confident`: that needs {MIN_CONFIDENT} validation photos of which "
            f"{TARGET_PRECISION:.0%} get the right category; there are {calibration.photos} validation photos."
        )


def _print(trained: TrainedModel) -> None:
    print_table("Quality on held-out listings", ["", "measured"], metric_rows(trained.bundle.metrics))
    for note in calibration_notes(trained.bundle):
        console.print(note)
    output.print(
        f"Model {trained.bundle.version} is live as generation {trained.generation.id}. Embedded "
        f"{counted(trained.run.embedded, 'photo')} at {trained.run.photos_per_second:.0f} photos/s."
    )
    if failed := trained.run.failed:
        reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(one.reason for one in failed).items())
        console.print(
            f"{counted(len(failed), 'photo')} could not be embedded ({reasons}). For a list in rejects.csv, "
            "run `lookalike ingest` with their files again."
        )
    console.print("Next: lookalike serve")


_COUNTS = ("held_out_photos", "queries", "gallery", "photos")


def metric_rows(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return rows of a metric's name in words and its value: shares with three digits, counts as whole numbers."""
    return [
        (name.replace("_", " "), f"{value:,.0f}" if name in _COUNTS else f"{value:.3f}")
        for name, value in metrics.items()
    ]
