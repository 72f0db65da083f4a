"""Whatever is wrong with the files of an index, it is rebuilt from the database."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from db.rows import embeddings, generations
from db.vectors.damage import is_damage
from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.snapshots import SnapshotDamaged
from db.vectors.qdrant.edge import QdrantEdgeIndex
from services.indexing.consistency import drift, live_drift, repair_live
from services.indexing.generations import build_and_promote
from services.indexing.live import LiveIndexes
from tests.integration.indexing.damages import DAMAGES, flip_vector
from tests.truth import LAMP, MODEL, add_listings

if TYPE_CHECKING:
    from pathlib import Path

    from db.session import Database
    from services.indexing.live import IndexStore


@pytest.fixture
def stack() -> tuple[str, str]:
    return "sqlite", "edge"


@pytest.fixture
def index_folders(database: Database, stores: list[IndexStore], lamps: list[int], tmp_path: Path) -> dict[str, Path]:
    """The folders of both indexes as a process left them that has stopped, by engine."""
    with closing(LiveIndexes(database, stores)) as live:
        build_and_promote(database, stores, MODEL)
        live.refresh()
    return {engine: tmp_path / engine / "photos_g1" for engine in ("faiss", "qdrant")}


def files_of_each_kind(folder: Path) -> list[Path]:
    """Return a file of each name, relative to the folder."""
    by_name = {path.name: path for path in sorted(folder.rglob("*")) if path.is_file()}
    return [path.relative_to(folder) for path in by_name.values()]


def check_rebuilt(database: Database, store: IndexStore, lamps: list[int], case: object) -> None:
    """Open the live index, and compare it with the database, by its contents and by a search for each photo."""
    with database.read() as session:
        live = generations.live_generation(session)
        points = embeddings.points(session, lamps, model_version=MODEL)
    assert live is not None
    index = store.open(live).index
    try:
        assert drift(database, index, model_version=MODEL).is_empty, case
        assert [index.search(point.vector, 1)[0].photo_id for point in points] == lamps, case
    finally:
        index.close()


def rebuilds(caplog: pytest.LogCaptureFixture) -> int:
    """Count the lines about rebuilding since the last call."""
    told = [record.message for record in caplog.records if "rebuilt from the database" in record.message]
    caplog.clear()
    return len(told)


def test_a_damaged_faiss_file_is_rebuilt_with_one_line(
    database: Database,
    stores: list[IndexStore],
    lamps: list[int],
    index_folders: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = index_folders["faiss"]
    for name in [path.name for path in files_of_each_kind(folder) if path.name != "lock"]:
        for kind, damage in DAMAGES.items():
            damage(next(folder.rglob(name)))
            check_rebuilt(database, stores[0], lamps, (name, kind))
            assert rebuilds(caplog) == 1, (name, kind)


def test_a_bit_flipped_in_any_byte_of_current_is_noticed(index_folders: dict[str, Path], lamps: list[int]) -> None:
    current = index_folders["faiss"] / "CURRENT"
    sound = current.read_bytes()
    noticed = 0
    for place in range(len(sound)):
        content = bytearray(sound)
        content[place] ^= 1 << place % 8
        current.write_bytes(content)
        try:
            index, _ = FaissIndex.load(current.parent)
        except SnapshotDamaged:
            noticed += 1
        else:  # "." and "/" in the snapshot's name lead to the same folder
            assert index.photo_ids().tolist() == lamps, content
    assert noticed > 0.9 * len(sound)


@pytest.mark.parametrize("engine", ["faiss", pytest.param("qdrant", marks=pytest.mark.slow)])
def test_a_damaged_folder_or_lock_is_replaced(
    database: Database, stores: list[IndexStore], lamps: list[int], index_folders: dict[str, Path], engine: str
) -> None:
    folder = index_folders[engine]
    for path in (folder, folder / "lock"):
        for kind in ("a file", "a folder", "unreadable"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            if kind == "a file":
                path.write_bytes(b"in the way")
            elif kind == "a folder":
                (path / "in the way").mkdir(parents=True)
            else:
                path.symlink_to(path)
            check_rebuilt(database, next(one for one in stores if one.engine == engine), lamps, (path, kind))
            assert [left.name for left in folder.parent.iterdir()] == ["photos_g1"]


def test_damage_of_any_file_of_a_closed_shard_is_noticed(index_folders: dict[str, Path]) -> None:
    folder = index_folders["qdrant"]
    names = [name for name in files_of_each_kind(folder) if name.name not in ("lock", "seal.json")]
    assert len(names) > 12
    for name in names:
        content = (folder / name).read_bytes()
        for kind, damage in DAMAGES.items():
            damage(folder / name)
            with pytest.raises(OSError, match=f"{name.name}|symbolic link"):
                QdrantEdgeIndex.open(folder, f"{name} is {kind}", 8)
            (folder / name).rmdir() if kind == "a folder" else (folder / name).unlink(missing_ok=True)
            (folder / name).write_bytes(content.rstrip(b"\0"))  # a hole instead of the zeros: 32 MB in some files
            os.truncate(folder / name, len(content))


@pytest.mark.slow
@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_damaged_shard_is_rebuilt_with_one_line(
    database: Database,
    stores: list[IndexStore],
    lamps: list[int],
    index_folders: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
    *,
    is_sealed: bool,
) -> None:
    """Without a seal, as after a kill, an empty status panics, and other damage is an error of the engine."""
    for name, kind in (("status.dat", "empty"), ("segment.json", "flipped"), ("edge_config.json", "a folder")):
        if not is_sealed:
            (index_folders["qdrant"] / "seal.json").unlink()
        DAMAGES[kind](next(index_folders["qdrant"].rglob(name)))
        check_rebuilt(database, stores[1], lamps, (name, kind))
        assert rebuilds(caplog) == 1, (name, kind)


@pytest.mark.slow
def test_a_damaged_seal_rebuilds_the_shard(
    database: Database,
    stores: list[IndexStore],
    lamps: list[int],
    index_folders: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for kind in ("empty", "a folder", "gone"):
        DAMAGES[kind](index_folders["qdrant"] / "seal.json")
        check_rebuilt(database, stores[1], lamps, kind)
        assert rebuilds(caplog) == (kind != "gone"), kind


def test_a_folder_that_is_deleted_under_an_open_index_is_told_and_built_again(
    database: Database,
    stores: list[IndexStore],
    lamps: list[int],
    index_folders: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with closing(LiveIndexes(database, stores)) as live:
        live.refresh()
        for folder in index_folders.values():
            shutil.rmtree(folder)
        add_listings(database, replace(LAMP, seller="ann"))
        live.refresh()
        live.refresh()
        live.persist()
        assert sorted(live.current().opened) == ["faiss", "qdrant"]
        assert all(one.is_empty for one in live_drift(database, live.current()))
    assert f"its folder {index_folders['qdrant']} was deleted" in caplog.text
    for store in stores:
        check_rebuilt(database, store, lamps, store.engine)


def test_a_full_disk_or_a_lack_of_descriptors_is_no_damage() -> None:
    assert not is_damage(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_damage(OSError("shard: Qdrant Edge failed: IO Error: Too many open files (os error 24)"))
    assert is_damage(OSError(errno.EIO, "Input/output error"))


@pytest.mark.slow
def test_bits_that_flip_in_the_vectors_of_a_shard_are_drift(
    database: Database, stores: list[IndexStore], lamps: list[int], index_folders: dict[str, Path]
) -> None:
    with database.read() as session:
        point, _ = embeddings.points(session, lamps, model_version=MODEL)
    flip_vector(index_folders["qdrant"], point.vector)
    with closing(LiveIndexes(database, stores)) as live:
        assert live.current().index("qdrant").search(point.vector, 2)[0].score < 0.99
        faiss, qdrant = live_drift(database, live.current())
        assert (faiss.different, qdrant.different) == ((), (point.photo_id,))
        repair_live(database, live.current(), [faiss, qdrant])
        assert all(one.is_empty for one in live_drift(database, live.current()))
        assert live.current().index("qdrant").search(point.vector, 1)[0].score > 0.999
