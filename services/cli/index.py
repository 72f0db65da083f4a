"""`lookalike reindex`, `verify`, `index` and `db upgrade`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy.exc import OperationalError

from db import migrate
from db.rows import embeddings, generations
from db.session import Database
from db.vectors.folder_lock import IndexLocked
from services.cli.terminal.console import console, output, print_json, print_table, stage_bars
from services.cli.terminal.opening import open_resources, read_settings
from services.cli.terminal.waiting import patiently
from services.errors import LookalikeError
from services.indexing.agreement import Agreement, agreement
from services.indexing.consistency import Drift, live_drift, repair_live
from services.indexing.generations import previous_generation, prune
from services.ingest.jobs.tidy import tidy
from services.ingest.pipeline.reindex import promote
from services.ingest.pipeline.reindex import reindex as run_reindex
from services.resources import DatabaseAway

if TYPE_CHECKING:
    from db.rows.generations import GenerationRecord
    from services.resources import Resources

index_app = typer.Typer(help="The generations of the indexes.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)


class DriftFound(LookalikeError):
    """An index does not hold what the truth says."""

    def __init__(self, drifts: list[Drift]) -> None:
        engines = ", ".join(found.engine for found in drifts if not found.is_empty)
        super().__init__(f"The truth and the indexes differ ({engines}). Mend it: lookalike verify --repair")


class NotCompared(LookalikeError):
    """An index could not be looked into."""

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"{engine} cannot be compared: {problem}. While `serve` runs, ask it: /v1/admin/consistency")


class NotPromoted(LookalikeError):
    """A server has the generation open."""

    def __init__(self, generation: int, problem: IndexLocked, call: str) -> None:
        super().__init__(
            f"Generation {generation} cannot be promoted: {problem}. While `serve` runs, ask it: POST {call}"
        )


def reindex(
    model: Annotated[Path | None, typer.Option(help="A model bundle to change to; by default the live one.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote them though their quality falls short.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Build the indexes anew beside the live ones, verify and promote them."""
    with open_resources() as resources, stage_bars() as progress:
        version = resources.register_bundle(model).version if model else None
        generation, run = run_reindex(resources, model_version=version, force=force, progress=progress)
    if json:
        print_json(generation)
    else:
        output.print(
            f"Generation {generation.id} (model {generation.model_version}) is live; "
            f"{run.embedded} photos were embedded for it."
        )


def verify(
    mend: Annotated[
        bool, typer.Option("--repair", help="Put in what is missing or different; take out the rest.")
    ] = False,
    queries: Annotated[
        int, typer.Option(help="Also search FAISS and Qdrant with this many stored photos, under every filter.", min=0)
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print drift and agreement as JSON.")] = False,
) -> None:
    """Compare the photos of the database, FAISS and Qdrant, by id and checksum; differences give exit code 1."""
    with open_resources() as resources:
        found = _drifts(resources)
        if mend and not all(one.is_empty for one in found):
            _repair(resources, found)
            found = _drifts(resources)
        shapes = _agreements(resources, queries) if queries else []
        waiting = _waiting(resources)
    if json:
        print_json({"drift": found, "agreement": shapes, "not_embedded": waiting})
    else:
        rows = [
            (one.engine, one.expected, one.held, len(one.missing), len(one.extra), len(one.different)) for one in found
        ]
        print_table("Photos", ["index", "in the database", "in the index", "missing", "extra", "different"], rows)
    if shapes and not json:
        print_table(
            "FAISS and Qdrant, the best 10 hits",
            ["filter", "queries", "answered alike"],
            [(one.shape, one.queries, one.agreeing) for one in shapes],
        )
    if waiting and not json:
        console.print(f"{waiting} photos wait for the live model to embed them. `lookalike reindex` does it.")
    if not all(one.is_empty for one in found):
        raise DriftFound(found)


@index_app.command("list")
def list_generations(json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False) -> None:
    """List the generations, newest first."""
    with open_resources() as resources, resources.database.read() as session:
        known = generations.generations_today(session)
    if json:
        print_json(known)
        return
    rows = [(one.id, one.state, one.model_version, one.photos, f"{one.created_at:%Y-%m-%d %H:%M}") for one in known]
    print_table("Generations", ["id", "state", "model", "photos", "created"], rows)


@index_app.command("promote")
def promote_generation(generation: Annotated[int, typer.Argument(help="Of `lookalike index list`.")]) -> None:
    """Make a previous generation live again."""
    with open_resources() as resources:
        promoted = _promote(resources, generation, call=f"/v1/admin/indexes/{generation}/promote")
    output.print(f"Generation {promoted.id} (model {promoted.model_version}) is live.")


@index_app.command("rollback")
def rollback() -> None:
    """Go back from the live generation to the one before."""
    with open_resources() as resources:
        with resources.database.read() as session:
            live = generations.live_generation(session)
        before = previous_generation(resources.database).id
        promoted = _promote(resources, before, call=f"/v1/admin/indexes/{live.id if live else before}/rollback")
    output.print(f"Generation {promoted.id} (model {promoted.model_version}) is live again.")


@index_app.command("prune")
def prune_generations(
    keep: Annotated[int, typer.Option(help="Previous generations to keep, the newest.", min=0)] = 1,
) -> None:
    """Delete the indexes of outdated generations."""
    with open_resources() as resources:
        pruned = prune(resources.database, resources.stores, keep=keep)
    output.print(f"Pruned: {', '.join(map(str, pruned)) or 'none'}")


@db_app.command("upgrade")
def upgrade() -> None:
    """Bring the database's tables to this version's."""
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.sql_url)
    before, after = patiently(lambda: _upgrade(database), settings.wait_s)
    database.close()
    console.print(f"The database is at revision {after}." if before == after else f"{before or 'empty'} -> {after}")


@db_app.command("tidy")
def tidy_up(json: Annotated[bool, typer.Option("--json", help="Print what was removed as JSON.")] = False) -> None:
    """Remove events that every index has followed, and photos that no listing has any more; `serve` does it daily."""
    with open_resources() as resources:
        removed = tidy(resources)
    if json:
        print_json(removed)
    else:
        output.print(f"Removed: {removed.events} events, {removed.photos} photos.")


def _promote(resources: Resources, generation: int, *, call: str) -> GenerationRecord:
    """Promote a generation; `call` is what asks a server for the same."""
    try:
        with stage_bars() as progress:
            return promote(resources, generation, progress=progress)
    except IndexLocked as error:
        raise NotPromoted(generation, error, call) from error


def _upgrade(database: Database) -> tuple[str | None, str]:
    try:
        return migrate.upgrade(database)
    except OperationalError as error:
        raise DatabaseAway(database, error) from error


def _drifts(resources: Resources) -> list[Drift]:
    resources.live.refresh()
    live = resources.live.current()
    for engine, problem in live.unavailable.items():
        raise NotCompared(engine, problem)
    return live_drift(resources.database, live)


def _agreements(resources: Resources, queries: int) -> list[Agreement]:
    live = resources.live.current()
    indexes = live.index("faiss"), live.index("qdrant")
    return agreement(resources.database, indexes, model_version=live.generation.model_version, queries=queries)


def _waiting(resources: Resources) -> int:
    """Return how many photos are neither embedded by the live model nor failed."""
    with resources.database.read() as session:
        return embeddings.missing_count(session, model_version=resources.live.current().generation.model_version)


def _repair(resources: Resources, found: list[Drift]) -> None:
    repair_live(resources.database, resources.live.current(), found)
    resources.live.persist()
