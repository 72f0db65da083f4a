"""A data directory whose processes are killed at a step of a reindex, and the state that the next process finds."""

from __future__ import annotations

import shutil
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from db.models import FeedCursor, GenerationState
from db.rows import embeddings, generations
from services.indexing.consistency import live_drift
from services.indexing.generations import clean_up
from services.ingest.pipeline.reindex import reindex
from tests.faults.reindexing_child import make_change, serve_and_post
from tests.faults.shop import FORKSERVER
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from tests.conftest import MakeJpeg

ENGINES = ("faiss", "qdrant")


@dataclass(frozen=True, slots=True)
class World:
    """A folder with a data directory, where one model is live and another is registered."""

    folder: Path
    model: str
    other_model: str
    database_url: str = ""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def copied(self, folder: Path) -> World:
        """Return a copy of this world that shares its models."""
        shutil.copytree(self.data, folder / "data", ignore=shutil.ignore_patterns("models"))
        (folder / "data" / "models").symlink_to(self.data / "models")
        return World(folder, self.model, self.other_model)

    @contextmanager
    def started(self) -> Iterator[Resources]:
        """Open the resources, and clean up as the job runner does when it starts."""
        with resources_in(self.data, database_url=self.database_url) as resources:
            clean_up(resources.database, resources.stores)
            resources.live.refresh()
            yield resources

    def killed_at(self, step: str, change: str) -> None:
        """Let a process make the change and die at the step; see `reindexing_child.make_change`."""
        kill(make_change, change, step, self.data, self.database_url)

    def served_and_killed_at(self, step: str, path: str, body: Mapping[str, str]) -> None:
        """Let a server receive a request for a job, and die at the step."""
        kill(serve_and_post, path, body, step, self.data)


def kill(main: Callable[..., None], *arguments: object) -> None:
    """Run a process that must kill itself."""
    child = FORKSERVER.Process(target=main, args=arguments)
    child.start()
    child.join(timeout=60)
    exitcode = child.exitcode
    child.kill()
    child.join()
    if exitcode != -signal.SIGKILL:  # not an assertion: xfail would accept that
        pytest.fail(f"the process did not come to the step: exit code {exitcode}")


@dataclass(frozen=True, slots=True)
class Found:
    """The state that a process finds after its start.

    Attributes:
        live: id and model of each generation that is live.
        states: of every generation, by id.
        engines: whose index is open.
        drifting: engines whose index differs from the truth.
        lost: engines, and photos that a search with their own vector does not find first.
        folders: (engine, collection) of each folder under `indexes`.
        positions: the collections that have a position in the change feed. (Whoever looks for copies has one as well.)
    """

    live: list[tuple[int, str]]
    states: dict[int, GenerationState]
    engines: tuple[str, ...]
    drifting: tuple[str, ...]
    lost: tuple[tuple[str, int], ...]
    folders: set[tuple[str, str]]
    positions: set[tuple[str, str]]

    def collections_of(self, *states: GenerationState) -> set[tuple[str, str]]:
        """Return the (engine, collection) of every generation in one of the states."""
        return {
            (engine, f"photos_g{one}") for one, state in self.states.items() if state in states for engine in ENGINES
        }

    @property
    def expected(self) -> set[tuple[str, str]]:
        """The collections that must exist: those of the live and the previous generations."""
        return self.collections_of(GenerationState.LIVE, GenerationState.PREVIOUS)


def look(resources: Resources) -> Found:
    with resources.database.read() as session:
        known = generations.generations(session)
        positions = session.exec(select(FeedCursor.collection)).all()
    live = resources.live.current()
    return Found(
        live=[(one.id, one.model_version) for one in known if one.state == GenerationState.LIVE],
        states={one.id: one.state for one in known},
        engines=tuple(live.opened),
        drifting=tuple(one.engine for one in live_drift(resources.database, live) if not one.is_empty),
        lost=tuple(_lost(resources, live)),
        folders={(folder.parent.name, folder.name) for folder in (resources.settings.data_dir / "indexes").glob("*/*")},
        positions={(engine, name) for engine, _, name in (position.partition(":") for position in positions) if name},
    )


def _lost(resources: Resources, live: IndexSet) -> Iterator[tuple[str, int]]:
    with resources.database.read() as session:
        (points,) = embeddings.all_points(session, model_version=live.generation.model_version)
    assert len(points) >= 12
    for engine in ENGINES:
        for point in points:
            if [hit.photo_id for hit in live.index(engine).search(point.vector, 1)] != [point.photo_id]:
                yield engine, point.photo_id


def populated(folder: Path, jpeg: MakeJpeg, model: Bundle, other: Bundle, database_url: str = "") -> World:
    """Make a world with twelve photos: generation 1 is previous and 2 is live, both with `model`."""
    shop = marketplace(folder / "shop", jpeg, count=6)
    with resources_in(folder / "data", model=model, database_url=database_url) as resources:
        ingest(resources, shop.inputs)
        reindex(resources)
        resources.models.register(other.path)
    return World(folder, model.version, other.version, database_url)


def assert_answers_are_the_truth(found: Found) -> None:
    assert (found.engines, found.drifting, found.lost) == (ENGINES, (), ())


def assert_nothing_is_left(found: Found) -> None:
    assert (found.folders, found.positions) == (found.expected, found.expected)
