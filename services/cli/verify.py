"""`lookalike verify`: compare the indexes, or the files of photos, with the database."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from db.rows import embeddings
from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, print_json, print_table
from services.cli.terminal.resources import open_resources
from services.errors import LookalikeError
from services.indexing.agreement import Agreement, measure_agreement
from services.indexing.consistency import Drift, live_drift, repair_live
from services.ingest.cleaning.text import counted
from services.ingest.photos.file_check import FileState, check_files, fetch_broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ingest.photos.file_check import BrokenPhoto
    from services.resources import Resources

_SHOWN = 20
"""Broken photos that are listed; --json lists all."""


class DriftFound(LookalikeError):
    """An index does not hold the same photos as the database."""

    def __init__(self, drifts: list[Drift]) -> None:
        engines = ", ".join(drift.engine for drift in drifts if not drift.is_empty)
        super().__init__(
            f"The indexes differ from the database ({engines}). Repair them with `lookalike verify --repair`."
        )


class EnginesDisagree(LookalikeError):
    """FAISS and Qdrant give different answers."""

    def __init__(self, agreements: Sequence[Agreement]) -> None:
        shapes = ", ".join(one.shape for one in agreements if one.agreeing < one.queries)
        super().__init__(
            f"FAISS and Qdrant give different answers under these filters: {shapes}. "
            "`lookalike reindex` builds both anew."
        )


class PhotosBroken(LookalikeError):
    """Photos have no intact file."""

    def __init__(self, broken: Sequence[BrokenPhoto]) -> None:
        listings = sorted({one.listing_id for one in broken})
        ids = ", ".join(map(repr, listings[:5])) + (", ..." if len(listings) > 5 else "")
        super().__init__(
            f"{counted(len(broken), 'photo')} without an intact file. --repair fetches photos that came from a URL. "
            f"Send the photos of {counted(len(listings), 'listing')} again, or restore the photo folder: {ids}"
        )


class NotCompared(LookalikeError):
    """An index cannot be opened for comparison."""

    def __init__(self, engine: str, problem: str) -> None:
        advice = "While `lookalike serve` runs, send GET /v1/admin/consistency to the server instead."
        told = f"The {engine} index cannot be compared: {problem.rstrip('.')}."
        super().__init__(f"{told} {advice}" if "another process" in problem else told)


def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Add missing photos, replace different ones, and remove extra ones.")
    ] = False,
    queries: Annotated[
        int,
        typer.Option(help="Number of stored photos to also search for in both indexes, under every filter.", min=0),
    ] = 0,
    photos: Annotated[
        bool,
        typer.Option("--photos", help="Read every stored photo file instead, and compare its bytes with the database."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print differences and agreement as JSON.")] = False,
) -> None:
    """Compare the database, FAISS and Qdrant photo by photo.

    Photos are compared by id, and by the checksum of vector and fields. With --photos, the stored files are compared
    instead. The exit code is 1 if there are differences.
    """
    if photos:
        if queries:
            raise typer.BadParameter("--queries compares indexes, and --photos files: leave one out.")
        _verify_photos(repair=repair, json=json)
    else:
        _verify_indexes(queries, repair=repair, json=json)


def _verify_indexes(queries: int, *, repair: bool, json: bool) -> None:
    with open_resources(needs_model=True) as resources:
        drifts = _drifts(resources)
        if repair and not all(drift.is_empty for drift in drifts):
            drifts = _repaired(resources, drifts)
        agreements = _agreements(resources, queries) if queries else []
        not_embedded = _not_embedded(resources)
    if json:
        print_json({"drift": drifts, "agreement": agreements, "not_embedded": not_embedded})
    else:
        _print(drifts, agreements, not_embedded)
    if not all(drift.is_empty for drift in drifts):
        raise DriftFound(drifts)
    if any(one.agreeing < one.queries for one in agreements):
        raise EnginesDisagree(agreements)


def _repaired(resources: Resources, drifts: list[Drift]) -> list[Drift]:
    """Repair the indexes, and return what still differs."""
    with audited(resources.database):
        repair_live(resources.database, resources.live.current(), drifts)
        resources.live.persist()
    return _drifts(resources)


def _verify_photos(*, repair: bool, json: bool) -> None:
    with open_resources() as resources:
        found, fetched = check_files(resources), 0
        if repair and found.broken:
            with audited(resources.database):
                fetched = fetch_broken(resources, found.broken)
            found = check_files(resources)
    if json:
        print_json({"photos": found.photos, "broken": found.broken, "unused_files": found.unused, "fetched": fetched})
    else:
        states = Counter(one.state for one in found.broken)
        print_table(
            "Photo files",
            ["photos", "missing", "damaged", "files of no photo", "fetched again"],
            [(found.photos, states[FileState.MISSING], states[FileState.DAMAGED], found.unused, fetched)],
        )
        shown = found.broken[:_SHOWN]
        if shown:
            rows = [(one.photo_id, one.listing_id, one.source, one.state) for one in shown]
            print_table(f"The first {len(shown)} broken photos", ["photo", "listing", "came from", "its file is"], rows)
    if found.broken:
        raise PhotosBroken(found.broken)


def _print(drifts: list[Drift], agreements: list[Agreement], not_embedded: int) -> None:
    print_table(
        "Photos",
        ["index", "in the database", "in the index", "missing", "extra", "different"],
        [
            (drift.engine, drift.expected, drift.held, len(drift.missing), len(drift.extra), len(drift.different))
            for drift in drifts
        ],
    )
    if agreements:
        print_table(
            "FAISS and Qdrant, best 10 hits",
            ["filter", "queries", "same hits"],
            [(one.shape, one.queries, one.agreeing) for one in agreements],
        )
    if not_embedded:
        console.print(f"The live model has not embedded {counted(not_embedded, 'photo')}. To embed: lookalike reindex")


def _drifts(resources: Resources) -> list[Drift]:
    resources.live.refresh()
    live = resources.live.current()
    for engine, problem in live.unavailable.items():
        raise NotCompared(engine, problem)
    return live_drift(resources.database, live)


def _agreements(resources: Resources, queries: int) -> list[Agreement]:
    live = resources.live.current()
    indexes = live.index("faiss"), live.index("qdrant")
    return measure_agreement(resources.database, indexes, model_version=live.generation.model_version, queries=queries)


def _not_embedded(resources: Resources) -> int:
    """Return the number of photos that the live model has neither embedded nor failed to embed."""
    with resources.database.read() as session:
        return embeddings.missing_count(session, model_version=resources.live.current().generation.model_version)
