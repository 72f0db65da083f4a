"""Fixtures that several suites share: JPEG bytes, a fast model and a real one."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Protocol

import portalocker
import pytest

from services.bench.inputs.random_photos import random_photo
from tests.at_end import AT_END
from tests.projection import write_projection
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle

pytest_plugins = ("tests.contract.summary",)

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # NNCF, imported first, would start its threads


def pytest_configure() -> None:
    """Keep each parallel worker, and what it starts, to a core of its own: their threads would wait for each other."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


def pytest_collection() -> None:
    """Do not look for garbage among thousands of modules while they are imported."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Exempt modules and tests from later garbage collections: each would take 0.3 s of processor time."""
    gc.freeze()
    gc.set_threshold(700, 10, 100)  # a full collection takes 0.1 s, and default thresholds make it often
    gc.enable()
    atexit.register(gc.unfreeze)  # frozen objects would be reported as leaks when the process ends


_folders: dict[pytest.FixtureDef[Any], set[Path]] = {}
"""The folders that each fixture has made with `tmp_path_factory`."""


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Note which folders a fixture makes."""
    if "tmp_path_factory" not in fixturedef.argnames:
        return (yield)
    base = request.getfixturevalue("tmp_path_factory").getbasetemp()
    before = set(base.iterdir())
    try:
        return (yield)
    finally:
        _folders[fixturedef] = set(base.iterdir()) - before


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any]) -> None:
    """Remove a fixture's folders with it, as `tmp_path` is removed: they would need 7 GB until the run ends."""
    for folder in _folders.pop(fixturedef, ()):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_sessionfinish() -> None:
    """Stop servers and remove folders that tests shared."""
    AT_END.close()


class MakeJpeg(Protocol):
    """Returns the bytes of a JPEG; equal arguments give equal bytes, other seeds other pictures."""

    def __call__(self, seed: int = 0, *, width: int = 120, height: int = 90) -> bytes: ...


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system: the temporary folder's and the checkout's may differ
        shutil.copy2(source, target)


@pytest.fixture(scope="session", autouse=True)
def _linked_bundles() -> Iterator[None]:
    """Hundreds of tests keep a model of 140 MB in their data directory: links to its files, which never change, do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml.bundle.store.copy_file", _link_or_copy)
        yield


@pytest.fixture(scope="session")
def jpeg() -> MakeJpeg:
    def make(seed: int = 0, *, width: int = 120, height: int = 90) -> bytes:
        return random_photo(seed, (width, height))

    return make


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The model of the tests' world: fast, and fake in its network alone; see `tests.projection`."""
    return write_projection(tmp_path_factory.mktemp("models") / "projection")


@pytest.fixture(scope="session")
def live_data(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Path:
    """A data directory whose live generation has no photo; `resources_in(..., like=live_data)` works on a copy."""
    folder = tmp_path_factory.mktemp("live") / "data"
    with resources_in(folder, model=tiny_bundle) as resources:
        resources.ensure_generation()
    return folder


@pytest.fixture(scope="session")
def resnet_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A residual network with random weights for photos of 64 pixels: it is small and knows nothing, but is real."""
    pytest.importorskip("torch", reason="making a model bundle needs the extra 'train'")
    from ml.bundle.bundle import Bundle
    from tests.networks import export_tiny, tiny_net

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # the first export of a process takes 4 s
    with portalocker.Lock(shared / "resnet.lock", flags=portalocker.LockFlags.EXCLUSIVE):
        if (shared / "resnet").exists():
            return Bundle.load(shared / "resnet")
        return export_tiny(tiny_net(seed=0), shared / "resnet")


@pytest.fixture(scope="module")
def small_trunks() -> Iterator[None]:
    """Every network that the module makes has a small trunk; see `tests.networks`."""
    pytest.importorskip("torch", reason="networks need the extra 'train'")
    from tests import networks

    with networks.small_trunks():
        yield
