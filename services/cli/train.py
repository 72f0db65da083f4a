"""`lookalike train`: fine-tune on the ingested listings."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.network.imagenet_weights import imagenet_weights
from ml.network.trunk_weights import WeightsError
from ml.training.recipes import TrainingError, read_recipe
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.opening import open_resources
from services.errors import BadInput
from services.ingest.models.training import TorchMissing, TrainedModel, train_and_promote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.training.recipes import TrainConfig
    from services.ingest.pipeline.progress import Progress
    from services.resources import Resources


def train(
    weights: Annotated[
        str,
        typer.Option(help="ImageNet weights: a .safetensors or .pth file, a bundle's folder, `download`, or `none`."),
    ] = "download",
    recipe: Annotated[
        Path | None, typer.Option(help="How to train: a TOML file like those in ml/training/recipe_files.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make it live even if it is a worse model.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the measured quality as JSON.")] = False,
) -> None:
    """Fine-tune ResNet-50 on the ingested listings, embed every photo with it, and make it live.

    A training that was stopped goes on where it stood. On four GPUs: torchrun --nproc-per-node 4 -m services.cli train
    """
    if find_spec("torch") is None:  # said before anything is downloaded
        raise TorchMissing
    config = None if recipe is None else choose_recipe(recipe)
    with open_resources() as resources, stage_bars() as progress:
        chosen = choose_weights(weights, resources, progress)
        trained = train_and_promote(resources, weights=chosen, config=config, force=force, progress=progress)
    if trained is None:
        return
    if json:
        print_json(trained.bundle.metrics)
    else:
        show(trained)


def choose_recipe(file: Path) -> TrainConfig:
    """Return the recipe in `file`.

    Raises:
        BadInput: it cannot be read or used.
    """
    try:
        return read_recipe(file)
    except TrainingError as error:
        raise BadInput(f"--recipe: {error}") from error


def choose_weights(choice: str, resources: Resources, progress: Progress) -> Path | None:
    """Return the weights file or bundle that `--weights` names; None means to start from random weights.

    Raises:
        BadInput: the file is not there, or the download failed.
    """
    if choice == "none":
        return None
    if choice != "download":
        if not choice or not Path(choice).exists():
            raise BadInput(f"--weights {choice}: there is no such file or bundle.")
        return Path(choice)
    try:
        return imagenet_weights(
            resources.settings.data_dir / "cache" / "weights",
            progress=lambda done, total: progress("download weights", done, total),
        )
    except WeightsError as error:
        raise BadInput(str(error)) from error


def show(trained: TrainedModel) -> None:
    """Print what the model is worth on listings that it has not seen, and what was done with it."""
    print_table("On held-out listings", ["", "measured"], figure_rows(trained.bundle.metrics))
    output.print(
        f"Model {trained.bundle.version} is live as generation {trained.generation.id}: {trained.run.embedded} photos "
        f"embedded at {trained.run.photos_per_second:.0f} photos/s."
    )
    if failed := trained.run.failed:
        reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(one.reason for one in failed).items())
        console.print(
            f"{len(failed)} photos could not be embedded ({reasons}); "
            "the next `lookalike ingest` of their files lists each in rejects.csv."
        )
    console.print("Next: lookalike serve")


def figure_rows(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return each figure's name in words, and its value: shares with three digits, counts whole."""
    return [
        (name.replace("_", " "), f"{value:.3f}" if value <= 1 else f"{value:.0f}") for name, value in figures.items()
    ]
