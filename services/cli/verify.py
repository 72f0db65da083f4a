"""`lookalike verify`: compare the indexes with the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from db.rows import embeddings
from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, print_json, print_table
from services.cli.terminal.resources import open_resources
from services.errors import LookalikeError
from services.indexing.agreement import Agreement, measure_agreement
from services.indexing.consistency import Drift, live_drift, repair_live

if TYPE_CHECKING:
    from services.resources import Resources


class DriftFound(LookalikeError):
    """An index does not hold the same photos as the database."""

    def __init__(self, drifts: list[Drift]) -> None:
        engines = ", ".join(drift.engine for drift in drifts if not drift.is_empty)
        super().__init__(
            f"The indexes differ from the database ({engines}). Repair them with `lookalike verify --repair`."
        )


class NotCompared(LookalikeError):
    """An index cannot be opened for comparison."""

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(
            f"The {engine} index cannot be compared: {problem}. "
            "While `lookalike serve` runs, send GET /v1/admin/consistency to the server instead."
        )


def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Add missing photos, replace different ones, and remove extra ones.")
    ] = False,
    queries: Annotated[
        int,
        typer.Option(help="Number of stored photos to also search for in both indexes, under every filter.", min=0),
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print differences and agreement as JSON.")] = False,
) -> None:
    """Compare the database, FAISS and Qdrant photo by photo.

    Photos are compared by id and checksum. The exit code is 1 if there are differences.
    """
    with open_resources() as resources:
        drifts = _drifts(resources)
        if repair and not all(drift.is_empty for drift in drifts):
            with audited(resources.database):
                repair_live(resources.database, resources.live.current(), drifts)
                resources.live.persist()
            drifts = _drifts(resources)
        agreements = _agreements(resources, queries) if queries else []
        not_embedded = _not_embedded(resources)
    if json:
        print_json({"drift": drifts, "agreement": agreements, "not_embedded": not_embedded})
    else:
        _print(drifts, agreements, not_embedded)
    if not all(drift.is_empty for drift in drifts):
        raise DriftFound(drifts)


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
        console.print(f"The live model has not embedded {not_embedded} photos. Embed them with `lookalike reindex`.")


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
