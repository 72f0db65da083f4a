"""A reindex to another model, or a rollback, whose process is killed at one of its steps, and the start after that."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient
from sqlmodel import select

from db import embeddings, generations, listings
from db.models import FeedCursor, GenerationState
from services.cli.serve import build_app
from services.indexing.consistency import live_drift
from services.indexing.generations import clean_up
from services.ingest.reindex import promote, reindex
from tests.projection import write_projection
from tests.databases import migrated_database_url
from tests.faults.reindexing_child import (
    AT_THE_END,
    CLEAN_UP_STEPS,
    JOB_STEPS,
    REINDEX_STEPS,
    ROLLBACK_STEPS,
    make_change,
    serve_and_post,
)
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ml.bundle import Bundle
    from services.indexing.live import IndexSet
    from services.resources import Resources
    from tests.conftest import MakeJpeg

ENGINES = ("faiss", "qdrant")


@dataclass(frozen=True, slots=True)
class World:
    """A folder with a data directory in it, where one model is live; the other is registered."""

    folder: Path
    model: str
    other_model: str
    database_url: str = ""

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def copied(self, folder: Path) -> World:
        """Return a copy of this world, which has its models in common with it."""
        shutil.copytree(self.data, folder / "data", ignore=shutil.ignore_patterns("models"))
        (folder / "data" / "models").symlink_to(self.data / "models")
        return World(folder, self.model, self.other_model)

    @contextmanager
    def started(self) -> Iterator[Resources]:
        """Open it, and put it in order as the runner of jobs does at its start."""
        with resources_in(self.data, database_url=self.database_url) as resources:
            clean_up(resources.database, resources.stores)
            resources.live.refresh()
            yield resources

    def killed_at(self, step: str, change: str) -> None:
        """Let a process make the change until it dies at the step; see `reindexing_child.make_change`."""
        kill(make_change, change, step, self.data, self.database_url)

    def served_and_killed_at(self, step: str, path: str, body: Mapping[str, str]) -> None:
        """Let a server be asked for a job, and die at the step."""
        kill(serve_and_post, path, body, step, self.data)


def kill(main: Callable[..., None], *arguments: object) -> None:
    """Run a process that kills itself. It is forked from one that has made the imports, which take seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([make_change.__module__])
    child = context.Process(target=main, args=arguments)
    child.start()
    child.join(timeout=60)
    exitcode = child.exitcode
    child.kill()
    child.join()
    if exitcode != -signal.SIGKILL:  # not an assertion, which a test that is expected to fail would take for its own
        pytest.fail(f"the process did not come to the step: exit code {exitcode}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a process finds when it has started.

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
        """Return the (engine, collection) of every generation that is in one of the states."""
        return {
            (engine, f"photos_g{one}") for one, state in self.states.items() if state in states for engine in ENGINES
        }

    @property
    def wanted(self) -> set[tuple[str, str]]:
        """The collections that must be there: those of the live generation, and of those that one can go back to."""
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


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the start after a kill found, and what was found when the same had been done again.

    `old` and `new` are id and model of the generation that was live, and that the change was to make live.
    """

    step: str
    old: tuple[int, str]
    new: tuple[int, str]
    started: Found
    done_again: Found


def populated(folder: Path, jpeg: MakeJpeg, model: Bundle, other: Bundle, database_url: str = "") -> World:
    """Make a world with twelve photos: generation 1 is a previous one, 2 is live, both of `model`."""
    shop = marketplace(folder / "shop", jpeg, count=6)
    with resources_in(folder / "data", model=model, database_url=database_url) as resources:
        ingest(resources, shop.inputs)
        reindex(resources)
        resources.register_bundle(other.path)
    return World(folder, model.version, other.version, database_url)


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Another model than `tiny_bundle`."""
    pytest.importorskip("torch", reason="making a model bundle needs the extra 'train'")
    return write_projection(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="module")
def before_reindex(
    tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg, tiny_bundle: Bundle, other_bundle: Bundle
) -> World:
    """See `populated`. A reindex makes generation 3 live, and 1 is outdated then."""
    return populated(tmp_path_factory.mktemp("world"), jpeg, tiny_bundle, other_bundle)


@pytest.fixture(scope="module")
def before_rollback(before_reindex: World, tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg) -> World:
    """Generation 3, of the other model, is live; 2 knows neither of three new listings nor of one deleted since."""
    world = before_reindex.copied(tmp_path_factory.mktemp("world"))
    more = marketplace(world.folder / "more", jpeg, count=9)
    with resources_in(world.data) as resources:
        reindex(resources, model_version=world.other_model)
        ingest(resources, more.inputs)
        with resources.database.write() as session:
            listings.delete_listing(session, "listing-0")
    return world


@pytest.fixture(scope="module")
def reindexed(
    request: pytest.FixtureRequest, before_reindex: World, tmp_path_factory: pytest.TempPathFactory
) -> Aftermath:
    """A reindex to the other model was killed at the step that is the parameter."""
    world = before_reindex.copied(tmp_path_factory.mktemp("killed"))
    world.killed_at(request.param, f"reindex {world.other_model}")
    with world.started() as resources:
        started = look(resources)
        reindex(resources, model_version=world.other_model)
        resources.live.refresh()
        done_again = look(resources)
    return Aftermath(request.param, (2, world.model), (3, world.other_model), started, done_again)


@pytest.fixture(scope="module")
def rolled_back(
    request: pytest.FixtureRequest, before_rollback: World, tmp_path_factory: pytest.TempPathFactory
) -> Aftermath:
    """A rollback to generation 2 was killed at the step that is the parameter."""
    world = before_rollback.copied(tmp_path_factory.mktemp("killed"))
    world.killed_at(request.param, "rollback 2")
    with world.started() as resources:
        started = look(resources)
        if started.states[2] != GenerationState.LIVE:
            promote(resources, 2)
        resources.live.refresh()
        done_again = look(resources)
    return Aftermath(request.param, (3, world.other_model), (2, world.model), started, done_again)


each_reindex = pytest.mark.parametrize("reindexed", REINDEX_STEPS, indirect=True, scope="module")
each_rollback = pytest.mark.parametrize("rolled_back", ROLLBACK_STEPS, indirect=True, scope="module")


def assert_answers_are_the_truth(found: Found) -> None:
    assert (found.engines, found.drifting, found.lost) == (ENGINES, (), ())


def assert_nothing_is_left(found: Found) -> None:
    assert (found.folders, found.positions) == (found.wanted, found.wanted)


@each_reindex
def test_a_killed_reindex_leaves_the_old_generation_live_until_it_is_promoted(reindexed: Aftermath) -> None:
    promoted = REINDEX_STEPS[reindexed.step].promoted
    assert reindexed.started.live == [reindexed.new if promoted else reindexed.old]


@each_reindex
def test_both_engines_hold_the_live_model_after_a_killed_reindex(reindexed: Aftermath) -> None:
    assert_answers_are_the_truth(reindexed.started)


@each_reindex
def test_a_start_gives_up_the_build_of_a_killed_reindex(reindexed: Aftermath) -> None:
    assert GenerationState.BUILDING not in reindexed.started.states.values()


@each_reindex
def test_a_start_removes_what_a_killed_reindex_left(reindexed: Aftermath) -> None:
    assert_nothing_is_left(reindexed.started)


@each_reindex
def test_a_killed_reindex_succeeds_when_it_is_run_again(reindexed: Aftermath) -> None:
    (live,) = reindexed.done_again.live
    assert live[1] == reindexed.new[1]
    assert list(reindexed.done_again.states.values()).count(GenerationState.PREVIOUS) == 1
    assert_answers_are_the_truth(reindexed.done_again)


@each_reindex
def test_nothing_is_left_of_a_killed_reindex_that_was_run_again(reindexed: Aftermath) -> None:
    assert_nothing_is_left(reindexed.done_again)


@each_rollback
def test_a_killed_rollback_leaves_the_later_generation_live_until_it_is_promoted(rolled_back: Aftermath) -> None:
    promoted = ROLLBACK_STEPS[rolled_back.step].promoted
    assert rolled_back.started.live == [rolled_back.new if promoted else rolled_back.old]


@each_rollback
def test_both_engines_hold_the_live_model_after_a_killed_rollback(rolled_back: Aftermath) -> None:
    assert_answers_are_the_truth(rolled_back.started)


@each_rollback
def test_both_generations_are_kept_by_a_killed_rollback(rolled_back: Aftermath) -> None:
    assert {rolled_back.started.states[one] for one in (2, 3)} == {GenerationState.LIVE, GenerationState.PREVIOUS}
    assert_nothing_is_left(rolled_back.started)


@each_rollback
def test_a_killed_rollback_succeeds_when_it_is_run_again(rolled_back: Aftermath) -> None:
    assert rolled_back.done_again.live == [rolled_back.new]
    assert_answers_are_the_truth(rolled_back.done_again)
    assert_nothing_is_left(rolled_back.done_again)


@pytest.mark.parametrize("step", CLEAN_UP_STEPS)
def test_a_start_finishes_the_clean_up_of_one_that_was_killed(before_reindex: World, tmp_path: Path, step: str) -> None:
    world = before_reindex.copied(tmp_path)
    world.killed_at("both are built", f"reindex {world.other_model}")
    world.killed_at(step, "clean_up")
    with world.started() as resources:
        assert_nothing_is_left(look(resources))


@pytest.mark.postgres
@pytest.mark.parametrize("step", ["qdrant is half filled", "the promotion is committed"])
def test_a_start_puts_in_order_what_a_killed_reindex_left_on_postgresql(
    tmp_path: Path, jpeg: MakeJpeg, tiny_bundle: Bundle, other_bundle: Bundle, step: str
) -> None:
    with migrated_database_url("postgresql", tmp_path) as url:
        world = populated(tmp_path, jpeg, tiny_bundle, other_bundle, url)
        world.killed_at(step, f"reindex {world.other_model}")
        with world.started() as resources:
            found = look(resources)
    assert found.live == [(3, world.other_model) if REINDEX_STEPS[step].promoted else (2, world.model)]
    assert GenerationState.BUILDING not in found.states.values()
    assert_answers_are_the_truth(found)
    assert_nothing_is_left(found)


def job_after_restart(resources: Resources) -> dict[str, Any]:
    """Serve until the newest job has ended, and return it."""
    with TestClient(build_app(resources)) as client:
        for _ in range(600):
            job: dict[str, Any] = client.get("/v1/jobs").json()["jobs"][0]
            if job["state"] not in {"queued", "running"}:
                return job
            time.sleep(0.05)
    pytest.fail("the job does not end")


@pytest.mark.parametrize("step", JOB_STEPS)
def test_the_job_of_a_server_killed_in_a_reindex_is_done_at_the_next_start(
    before_reindex: World, tmp_path: Path, step: str
) -> None:
    world = before_reindex.copied(tmp_path)
    world.served_and_killed_at(step, "/v1/admin/reindex", {"model_version": world.other_model})
    with resources_in(world.data) as resources:
        job = job_after_restart(resources)
        found = look(resources)
    assert (job["kind"], job["state"], job["error"]) == ("reindex", "succeeded", None)
    assert [model for _, model in found.live] == [world.other_model]
    assert_answers_are_the_truth(found)
    assert_nothing_is_left(found)


def test_one_can_go_back_after_a_server_was_killed_at_the_end_of_a_reindex(
    before_reindex: World, tmp_path: Path
) -> None:
    world = before_reindex.copied(tmp_path)
    world.served_and_killed_at(AT_THE_END, "/v1/admin/reindex", {"model_version": world.other_model})
    with resources_in(world.data) as resources:
        job_after_restart(resources)
        with resources.database.read() as session:
            known = generations.generations(session)
    assert [one.model_version for one in known if one.state == GenerationState.PREVIOUS] == [world.model]


def test_the_job_of_a_server_killed_at_the_end_of_a_rollback_succeeds(before_rollback: World, tmp_path: Path) -> None:
    world = before_rollback.copied(tmp_path)
    world.served_and_killed_at(AT_THE_END, "/v1/admin/indexes/2/promote", {})
    with resources_in(world.data) as resources:
        job = job_after_restart(resources)
    assert (job["kind"], job["state"], job["error"]) == ("promote", "succeeded", None)
