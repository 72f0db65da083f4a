"""The names of the commands. A command's module is imported when the command runs: all of them take seconds."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping


class Target(NamedTuple):
    """Where a command is, and its line in the list of commands (a test compares it with the command's own help)."""

    path: str
    summary: str


COMMANDS: Mapping[str, Target] = {
    "demo": Target("services.cli.demo:demo", "Build a sample catalogue and serve a search over it."),
    "ingest": Target(
        "services.cli.ingest:ingest", "Clean listings, store and embed their photos, and update the indexes."
    ),
    "train": Target(
        "services.cli.models.train:train",
        "Fine-tune ResNet-50 on the ingested listings, embed all photos with it, and make it live.",
    ),
    "evaluate": Target(
        "services.cli.models.evaluate:evaluate",
        "Measure a model on held-out listings, and write report.html and report.json.",
    ),
    "export": Target(
        "services.cli.models.export:export",
        "Write a model bundle for serving elsewhere, and print the size and quality loss of each precision.",
    ),
    "serve": Target(
        "services.cli.serve:serve", "Serve the search app and the ingest app on one port, or only one of them."
    ),
    "worker": Target("services.cli.worker:worker", "Embed new photos until stopped."),
    "search": Target("services.cli.search:search", "Find listings that look like a photo or like another listing."),
    "classify": Target(
        "services.cli.search:classify",
        "Predict the category of an item from photos, its title and description, or both.",
    ),
    "duplicates": Target(
        "services.cli.duplicates:duplicates", "List groups of listings that share photos, the largest first."
    ),
    "reindex": Target(
        "services.cli.index:reindex", "Build new indexes beside the live ones, verify them, and make them live."
    ),
    "verify": Target("services.cli.verify:verify", "Compare the database, FAISS and Qdrant photo by photo."),
    "index": Target("services.cli.index:index_app", "Manage the generations of the indexes."),
    "db": Target("services.cli.database:db_app", "Manage the database."),
    "listings": Target(
        "services.cli.listings:listings_app",
        "Manage the listings of the catalogue.",
    ),
    "keys": Target("services.cli.keys:keys_app", "Manage API keys. Once a key exists, every request needs one."),
    "bench": Target("services.cli.bench:bench_app", "Measure speed and accuracy against named baselines."),
}


class LazyCommands(TyperGroup):
    """The commands of `COMMANDS`: listed and suggested by their names and summaries, imported to run."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=target.summary) for name, target in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the name of the command to run, the imported command, and the arguments that follow."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and name in COMMANDS else command, rest


def load(name: str) -> Any:
    """Import the command `name` of `COMMANDS`; return it as click's command."""
    module, _, attribute = COMMANDS[name].path.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)
