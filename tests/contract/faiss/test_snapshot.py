"""FAISS snapshots are complete or absent, and verified when they are read."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from db.vectors.base import NO_FILTER, Filter, Payload, Point
from db.vectors.faiss import index as faiss_index
from db.vectors.faiss.index import FaissIndex
from db.vectors.faiss.snapshots import SnapshotDamaged
from db.vectors.keys import location_key
from tests.contract.comparison import Question, violations
from tests.contract.engines import ALL_LISTS
from tests.contract.oracle import Oracle
from tests.contract.shapes import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.catalogue import Catalogue

SNAPSHOT_FILES = {
    "exact": ["manifest.json", "vectors.faiss", "payloads.arrow"],
    "ivf": ["manifest.json", "vectors.faiss", "payloads.arrow", "lists.faiss"],
}
FILES = [(kind, name) for kind, names in SNAPSHOT_FILES.items() for name in names]


@pytest.fixture(params=["exact", "ivf"])
def saved(request: pytest.FixtureRequest, catalogue: Catalogue, tmp_path: Path) -> FaissIndex:
    """An index with free slots, saved at position 42."""
    ivf = ALL_LISTS if request.param == "ivf" else None
    index = FaissIndex(64, kind=request.param, collection="photos_g3", ivf=ivf)
    index.upsert(catalogue.points)
    index.delete([point.photo_id for point in catalogue.points[:100]])
    index.save(tmp_path, cursor=42)
    return index


def lying_at(folder: Path, name: str) -> Path:
    """Return the one file of that name."""
    [path] = folder.rglob(name)
    return path


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def rewrite_manifest(folder: Path, content: bytes) -> None:
    """Replace the manifest with another that CURRENT agrees with."""
    lying_at(folder, "manifest.json").write_bytes(content)
    current = json.loads((folder / "CURRENT").read_text())
    (folder / "CURRENT").write_text(json.dumps(current | {"manifest_sha256": sha256(content).hexdigest()}))


def test_a_loaded_index_equals_the_saved_one(
    saved: FaissIndex, catalogue: Catalogue, filters: list[Filter], tmp_path: Path
) -> None:
    loaded, cursor = FaissIndex.load(tmp_path, threads=1)

    assert cursor == 42
    assert loaded.describe() == saved.describe()
    assert loaded.photo_ids().tolist() == saved.photo_ids().tolist()
    oracle = Oracle(catalogue.points[100:])
    for where in filters:
        question = Question(catalogue.queries[0], 20, where)
        hits = loaded.search(question.vector, question.k, where)
        assert not violations(hits, question, oracle)
        assert hits == saved.search(question.vector, question.k, where)


def test_a_loaded_index_has_the_attributes_of_the_saved_one(
    saved: FaissIndex, tmp_path: Path, catalogue: Catalogue
) -> None:
    loaded, _ = FaissIndex.load(tmp_path)
    point = replace(catalogue.points[200], photo_id=10**9)
    for index in (saved, loaded):
        index.upsert([point, replace(point, photo_id=catalogue.points[300].photo_id)])
    assert loaded.attribute_names() == saved.attribute_names() == sorted(ATTRIBUTES)
    assert [loaded.facet(name) for name in ATTRIBUTES] == [saved.facet(name) for name in ATTRIBUTES]
    assert loaded.held().checksums.tolist() == saved.held().checksums.tolist()


def test_a_loaded_index_accepts_writes_and_reuses_free_slots(
    saved: FaissIndex, catalogue: Catalogue, tmp_path: Path
) -> None:
    loaded, _ = FaissIndex.load(tmp_path)

    loaded.upsert(catalogue.points[:150])
    loaded.save(tmp_path, cursor=43)

    again, cursor = FaissIndex.load(tmp_path)
    assert (again.count(), cursor) == (2000, 43)
    assert not violations(
        again.search(catalogue.queries[1], 50), Question(catalogue.queries[1], 50, NO_FILTER), Oracle(catalogue.points)
    )


def test_an_empty_index_can_be_saved_and_loaded(tmp_path: Path, catalogue: Catalogue) -> None:
    FaissIndex(64).save(tmp_path, cursor=0)

    loaded, cursor = FaissIndex.load(tmp_path)

    assert (loaded.count(), cursor, loaded.search(catalogue.queries[0], 3)) == (0, 0, [])


def test_an_index_without_remaining_points_can_be_saved_and_loaded(tmp_path: Path, catalogue: Catalogue) -> None:
    index = FaissIndex(64)
    index.upsert(catalogue.points[:3])
    index.delete([point.photo_id for point in catalogue.points])
    index.save(tmp_path, cursor=1)

    assert FaissIndex.load(tmp_path)[0].search(catalogue.queries[0], 3) == []


def test_any_text_is_kept_in_payloads(tmp_path: Path, catalogue: Catalogue) -> None:
    texts = ["", "emoji 🛋️", "new\nline", "nul\0byte", "x" * 100_000, '["json"]']
    index = FaissIndex(64)
    vector = catalogue.points[0].vector
    index.upsert([Point(i, vector, Payload(text, text, None, (text, "b"))) for i, text in enumerate(texts)])
    index.save(tmp_path, cursor=1)

    loaded, _ = FaissIndex.load(tmp_path)

    for i, text in enumerate(texts):
        where = Filter(categories=frozenset({text}), location=text if location_key(text) == text else None)
        assert [hit.photo_id for hit in loaded.search(vector, 10, where)] == [i]


def test_loading_without_a_snapshot_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="CURRENT"):
        FaissIndex.load(tmp_path / "never made")


@pytest.mark.parametrize("damage", [flip_a_bit, cut_in_half], ids=["a flipped bit", "half a file"])
@pytest.mark.parametrize(("saved", "name"), [*FILES, ("exact", "CURRENT"), ("ivf", "CURRENT")], indirect=["saved"])
def test_a_changed_file_is_detected(
    saved: FaissIndex, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(lying_at(tmp_path, name))

    with pytest.raises(SnapshotDamaged, match=name):
        FaissIndex.load(tmp_path)


@pytest.mark.parametrize(("saved", "name"), FILES, indirect=["saved"])
def test_a_missing_file_is_detected(saved: FaissIndex, tmp_path: Path, name: str) -> None:
    lying_at(tmp_path, name).unlink()

    with pytest.raises(SnapshotDamaged, match=f"{name}: the file is missing"):
        FaissIndex.load(tmp_path)


def test_an_unknown_format_is_reported(saved: FaissIndex, tmp_path: Path) -> None:
    rewrite_manifest(tmp_path, b'{"format": 99, "engine": "of the future"}')

    with pytest.raises(SnapshotDamaged, match="format 99 is unknown to this version"):
        FaissIndex.load(tmp_path)


@pytest.mark.parametrize("content", [b"{not json", b"[]", b'{"format": 6}', b'{"format": "one"}'])
def test_an_invalid_manifest_is_detected(saved: FaissIndex, tmp_path: Path, content: bytes) -> None:
    rewrite_manifest(tmp_path, content)

    with pytest.raises(SnapshotDamaged, match="its content is not valid"):
        FaissIndex.load(tmp_path)


def test_files_of_different_snapshots_cannot_be_mixed(saved: FaissIndex, catalogue: Catalogue, tmp_path: Path) -> None:
    saved.upsert(catalogue.points[:1])
    saved.save(tmp_path, cursor=43)
    old, new = sorted(tmp_path.glob("snapshot-*"))
    shutil.copy(old / "payloads.arrow", new / "payloads.arrow")

    with pytest.raises(SnapshotDamaged, match="checksum"):
        FaissIndex.load(tmp_path)


def test_the_previous_snapshot_is_kept_and_older_ones_are_pruned(saved: FaissIndex, tmp_path: Path) -> None:
    before = lying_at(tmp_path, "vectors.faiss")

    saved.save(tmp_path, cursor=43)
    assert before.exists()
    saved.save(tmp_path, cursor=43)

    assert sorted(path.name for path in tmp_path.glob("snapshot-*")) == ["snapshot-43-0", "snapshot-43-1"]
    assert FaissIndex.load(tmp_path)[1] == 43


def test_a_failed_snapshot_leaves_the_previous_one(
    saved: FaissIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(faiss_index, "write_payloads", disk_full)
    with pytest.raises(OSError, match="No space left"):
        saved.save(tmp_path, cursor=99)

    assert FaissIndex.load(tmp_path)[1] == 42
    assert len(list(tmp_path.glob("snapshot-*"))) == 1


def test_an_unwritable_folder_is_an_os_error(saved: FaissIndex, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")

    with pytest.raises(OSError, match="file"):
        saved.save(tmp_path / "file", cursor=1)


def test_snapshots_can_be_loaded_while_they_are_replaced(saved: FaissIndex, tmp_path: Path) -> None:
    def save_many(start: int) -> None:
        for cursor in range(start, start + 15):
            saved.save(tmp_path, cursor=cursor)

    with ThreadPoolExecutor(3) as pool:
        saving = [pool.submit(save_many, 100), pool.submit(save_many, 200)]
        counts = [FaissIndex.load(tmp_path)[0].count() for _ in range(10)]
        for each in saving:
            each.result()

    assert counts == [1900] * 10


@pytest.mark.parametrize("acknowledged", [4, *(pytest.param(saves, marks=pytest.mark.slow) for saves in (1, 9))])
def test_a_kill_while_saving_leaves_the_last_completed_snapshot_or_a_newer_one(
    tmp_path: Path, acknowledged: int
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.faiss.saving_child", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child, child.stdout:
        last = [int(child.stdout.readline()) for _ in range(acknowledged)][-1]
        child.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in child.stdout)])

    index, cursor = FaissIndex.load(tmp_path)

    assert cursor in (last, last + 1)
    assert index.count() == cursor
