"""`lookalike reindex` and `lookalike index`: build, list, make live and prune generations of the indexes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from db.rows import embeddings, generations
from db.vectors.folder_lock import IndexLocked
from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.resources import open_resources
from services.errors import LookalikeError
from services.indexing.generations import check_promotable, known_generation, previous_generation
from services.indexing.pruning import prune as prune_outdated
from services.ingest.cleaning.text import counted
from services.ingest.pipeline.reindex import promote as promote_generation
from services.ingest.pipeline.reindex import reindex as build_generation

if TYPE_CHECKING:
    from db.rows.generations import GenerationRecord
    from services.resources import Resources

index_app = typer.Typer(help="Manage the generations of the indexes.", no_args_is_help=True)

GenerationId = Annotated[int, typer.Argument(help="Generation id from `lookalike index list`.")]


class NotPromoted(LookalikeError):
    """A server has the generation's indexes open."""

    def __init__(self, generation: int, problem: IndexLocked, call: str) -> None:
        super().__init__(
            f"Generation {generation} cannot be made live: {problem}. "
            f"While `lookalike serve` runs, send POST {call} to the server instead."
        )


def reindex(
    model: Annotated[Path | None, typer.Option(help="Model bundle to switch to; by default the live model.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Make the new indexes live even if their search quality is too low.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Build new indexes beside the live ones, verify them, and make them live."""
    with (
        open_resources(needs_model=model is None) as resources,
        audited(resources.database),
        stage_bars() as progress,
    ):
        version = resources.models.register(model).version if model else None
        generation, run = build_generation(resources, model_version=version, force=force, progress=progress)
    if json:
        print_json(generation)
    else:
        _print_live(generation)
        output.print(f"Embedded {counted(run.embedded, 'photo')} for it.")


@index_app.command("list")
def list_generations(
    json: Annotated[bool, typer.Option("--json", help="Print the generations as JSON.")] = False,
) -> None:
    """List the generations of the indexes, newest first."""
    with open_resources() as resources, resources.database.read() as session:
        known = generations.generations_with_current_counts(session)
    if json:
        print_json(known)
        return
    rows = [(one.id, one.state, one.model_version, one.photos, f"{one.created_at:%Y-%m-%d %H:%M}") for one in known]
    print_table("Generations", ["id", "state", "model", "photos", "created"], rows)


@index_app.command("promote")
def promote(generation: GenerationId) -> None:
    """Make a previous generation live again: its model answers searches from then on.

    Embeds the photos that its model lacks, and updates and verifies its indexes first.
    """
    with open_resources() as resources, audited(resources.database):
        promoted = _promote(resources, generation, call=f"/v1/admin/indexes/{generation}/promote")
    _print_live(promoted)


@index_app.command("rollback")
def rollback() -> None:
    """Return to the generation that was live before: make it live again, as `promote` does."""
    with open_resources() as resources, audited(resources.database):
        with resources.database.read() as session:
            live = generations.live_generation(session)
        before = previous_generation(resources.database).id
        promoted = _promote(resources, before, call=f"/v1/admin/indexes/{live.id if live else before}/rollback")
    _print_live(promoted)


@index_app.command("prune")
def prune(
    keep: Annotated[int, typer.Option(help="Number of previous generations to keep, newest first.", min=0)] = 1,
) -> None:
    """Delete the indexes of outdated generations."""
    with open_resources() as resources, audited(resources.database):
        pruned = prune_outdated(resources.database, resources.stores, keep=keep)
    output.print(f"Deleted the indexes of generations: {', '.join(map(str, pruned)) or 'none'}")


def _promote(resources: Resources, generation: int, *, call: str) -> GenerationRecord:
    """Make a generation live. `call` is the request that makes a running server do the same."""
    _announce(resources, generation)
    try:
        with stage_bars() as progress:
            return promote_generation(resources, generation, progress=progress)
    except IndexLocked as error:
        raise NotPromoted(generation, error, call) from error


def _announce(resources: Resources, generation_id: int) -> None:
    """Print which model is going to answer searches, and what is embedded first."""
    generation = known_generation(resources.database, generation_id)
    check_promotable(generation)
    model = generation.model_version
    with resources.database.read() as session:
        live = generations.live_generation(session)
        missing = embeddings.missing_count(session, model_version=model)
    before = f" instead of model {live.model_version}" if live and live.model_version != model else ""
    photos = f"First it embeds {counted(missing, 'photo')}" if missing else "No photo has to be embedded"
    console.print(f"Model {model} will answer searches{before}, from generation {generation_id}. {photos}.")


def _print_live(generation: GenerationRecord) -> None:
    output.print(f"Generation {generation.id} is live: model {generation.model_version} answers searches.")
