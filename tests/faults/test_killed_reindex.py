"""A reindex to another model, or a rollback, whose process is killed at a step; and the next start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from db.models import GenerationState
from db.rows import generations, listings
from services.cli.serve import build_app
from services.ingest.pipeline.reindex import promote, reindex
from tests.databases import migrated_database_url
from tests.faults.killed_world import (
    Found,
    World,
    assert_answers_are_the_truth,
    assert_nothing_is_left,
    look,
    populated,
)
from tests.faults.reindexing_child import AT_THE_END, CLEAN_UP_STEPS, JOB_STEPS, REINDEX_STEPS, ROLLBACK_STEPS
from tests.projection import write_projection
from tests.waiting import ended
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg


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


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model other than `tiny_bundle`."""
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
    """The state after a reindex to the other model was killed at the step of the parameter."""
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
    """The state after a rollback to generation 2 was killed at the step of the parameter."""
    world = before_rollback.copied(tmp_path_factory.mktemp("killed"))
    world.killed_at(request.param, "rollback 2")
    with world.started() as resources:
        started = look(resources)
        if started.states[2] != GenerationState.LIVE:
            promote(resources, 2)
        resources.live.refresh()
        done_again = look(resources)
    return Aftermath(request.param, (3, world.other_model), (2, world.model), started, done_again)


def mostly_slow(steps: Iterable[str], *fast: str) -> list[ParameterSet]:
    """Return the steps as parameters; `make test` runs only the fast ones."""
    return [pytest.param(step, marks=() if step in fast else pytest.mark.slow) for step in steps]


each_reindex = pytest.mark.parametrize(
    "reindexed",
    mostly_slow(REINDEX_STEPS, "qdrant is half filled", "the promotion is committed"),
    indirect=True,
    scope="module",
)
each_rollback = pytest.mark.parametrize(
    "rolled_back", mostly_slow(ROLLBACK_STEPS, "qdrant is half brought forward"), indirect=True, scope="module"
)


@each_reindex
def test_a_killed_reindex_leaves_the_old_generation_live_before_the_promotion(reindexed: Aftermath) -> None:
    promoted = REINDEX_STEPS[reindexed.step].promoted
    assert reindexed.started.live == [reindexed.new if promoted else reindexed.old]


@each_reindex
def test_both_engines_hold_the_live_model_after_a_killed_reindex(reindexed: Aftermath) -> None:
    assert_answers_are_the_truth(reindexed.started)


@each_reindex
def test_the_next_start_abandons_the_build_of_a_killed_reindex(reindexed: Aftermath) -> None:
    assert GenerationState.BUILDING not in reindexed.started.states.values()


@each_reindex
def test_the_next_start_removes_the_leftovers_of_a_killed_reindex(reindexed: Aftermath) -> None:
    assert_nothing_is_left(reindexed.started)


@each_reindex
def test_a_killed_reindex_succeeds_when_repeated(reindexed: Aftermath) -> None:
    (live,) = reindexed.done_again.live
    assert live[1] == reindexed.new[1]
    assert list(reindexed.done_again.states.values()).count(GenerationState.PREVIOUS) == 1
    assert_answers_are_the_truth(reindexed.done_again)


@each_reindex
def test_a_killed_and_repeated_reindex_leaves_no_leftovers(reindexed: Aftermath) -> None:
    assert_nothing_is_left(reindexed.done_again)


@each_rollback
def test_a_killed_rollback_leaves_the_later_generation_live_before_the_promotion(rolled_back: Aftermath) -> None:
    promoted = ROLLBACK_STEPS[rolled_back.step].promoted
    assert rolled_back.started.live == [rolled_back.new if promoted else rolled_back.old]


@each_rollback
def test_both_engines_hold_the_live_model_after_a_killed_rollback(rolled_back: Aftermath) -> None:
    assert_answers_are_the_truth(rolled_back.started)


@each_rollback
def test_a_killed_rollback_keeps_both_generations(rolled_back: Aftermath) -> None:
    assert {rolled_back.started.states[one] for one in (2, 3)} == {GenerationState.LIVE, GenerationState.PREVIOUS}
    assert_nothing_is_left(rolled_back.started)


@each_rollback
def test_a_killed_rollback_succeeds_when_repeated(rolled_back: Aftermath) -> None:
    assert rolled_back.done_again.live == [rolled_back.new]
    assert_answers_are_the_truth(rolled_back.done_again)
    assert_nothing_is_left(rolled_back.done_again)


@pytest.mark.parametrize("step", mostly_slow(CLEAN_UP_STEPS, "the build is dropped by faiss alone"))
def test_the_next_start_finishes_a_killed_clean_up(before_reindex: World, tmp_path: Path, step: str) -> None:
    world = before_reindex.copied(tmp_path)
    world.killed_at("both are built", f"reindex {world.other_model}")
    world.killed_at(step, "clean_up")
    with world.started() as resources:
        assert_nothing_is_left(look(resources))


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("step", ["qdrant is half filled", "the promotion is committed"])
def test_the_next_start_cleans_up_after_a_killed_reindex_on_postgresql(
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


@dataclass(frozen=True, slots=True)
class Restarted:
    """What a server that was killed during a reindex makes of it at its next start.

    Attributes:
        job: the job of the reindex.
        previous: models of the generations that a rollback can make live.
    """

    world: World
    job: dict[str, Any]
    found: Found
    previous: list[str]


def job_after_restart(resources: Resources) -> dict[str, Any]:
    """Serve until the newest job has ended, and return it."""
    with TestClient(build_app(resources)) as client:
        return ended(client, client.get("/v1/jobs").json()["jobs"][0]["job_id"])


@pytest.fixture(scope="module")
def restarted(
    request: pytest.FixtureRequest, before_reindex: World, tmp_path_factory: pytest.TempPathFactory
) -> Restarted:
    """The state after a server was killed at the step of the parameter and restarted."""
    world = before_reindex.copied(tmp_path_factory.mktemp("killed"))
    world.served_and_killed_at(request.param, "/v1/admin/reindex", {"model_version": world.other_model})
    with resources_in(world.data) as resources:
        job = job_after_restart(resources)
        with resources.database.read() as session:
            known = generations.generations(session)
        previous = [one.model_version for one in known if one.state == GenerationState.PREVIOUS]
        return Restarted(world, job, look(resources), previous)


@pytest.mark.parametrize("restarted", mostly_slow(JOB_STEPS, AT_THE_END), indirect=True, scope="module")
def test_the_next_start_completes_the_reindex_job_of_a_killed_server(restarted: Restarted) -> None:
    job, found = restarted.job, restarted.found
    assert (job["kind"], job["state"], job["error"]) == ("reindex", "succeeded", None)
    assert [model for _, model in found.live] == [restarted.world.other_model]
    assert_answers_are_the_truth(found)
    assert_nothing_is_left(found)


@pytest.mark.parametrize("restarted", [AT_THE_END], indirect=True, scope="module")
def test_a_rollback_works_after_a_server_was_killed_at_the_end_of_a_reindex(restarted: Restarted) -> None:
    assert restarted.previous == [restarted.world.model]


@pytest.mark.slow
def test_the_job_of_a_server_killed_at_the_end_of_a_rollback_succeeds(before_rollback: World, tmp_path: Path) -> None:
    world = before_rollback.copied(tmp_path)
    world.served_and_killed_at(AT_THE_END, "/v1/admin/indexes/2/promote", {})
    with resources_in(world.data) as resources:
        job = job_after_restart(resources)
    assert (job["kind"], job["state"], job["error"]) == ("promote", "succeeded", None)
